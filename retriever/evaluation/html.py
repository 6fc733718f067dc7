"""One self-contained HTML page of tables and plots."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from retriever.evaluation.tables import html_table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its table, and its plot as PNG; an empty one is left out."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    plot: bytes


def html_page(title: str, about: Mapping[str, object], sections: Sequence[Section]) -> str:
    """The page; everything in it is escaped, and nothing is fetched."""
    parts = [
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Isthmus: {escape(title)}</title>",
        "<style>body{font:15px/1.5 system-ui;max-width:70rem;margin:2rem auto;",
        "padding:0 1rem}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .6rem;text-align:right;",
        "border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}img{max-width:100%}</style>",
        f"<h1>{escape(title)}</h1>",
    ]
    parts += [f"<p>{escape(str(key))}: {escape(str(value))}</p>" for key, value in about.items()]
    return "\n".join([*parts, *map(html_section, sections)]) + "\n"


def html_section(section: Section) -> str:
    """A heading, a table and a picture, escaped."""
    image, heading = base64.b64encode(section.plot).decode(), escape(section.heading)
    picture = f"<img alt='{heading}' src='data:image/png;base64,{image}'>" if section.plot else ""
    return f"<h2>{heading}</h2>{html_table(section.columns, section.rows)}\n{picture}"

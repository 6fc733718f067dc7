"""Labelled queries, of Hinglish-TOP or a user: queries in a language, with their English original and their label."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from retriever.data.files import clean_line, numbered_lines, read_jsonl
from retriever.errors import DataError
from retriever.languages.detection import detect_language

_INTENT = re.compile(r"^\[IN:(\w+)")
DETECTED_QUERIES = 50
"""Number of queries that the language of a file is detected from."""


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A query with its label.

    `text` is the query as users put it, in `language` or a mix of languages. `english` is its original in the knowledge
    base's language, empty if there is none.
    """

    english: str
    text: str
    label: str
    language: str


def labelled_file(folder: Path, name: str) -> Path | None:
    """The path of NAME.tsv or NAME.jsonl in a folder of labelled queries; None if it has neither."""
    return next((file for file in (folder / f"{name}.tsv", folder / f"{name}.jsonl") if file.is_file()), None)


def read_labelled(path: Path) -> list[LabelledQuery]:
    """Read a TSV file of Hinglish-TOP, or a TSV or JSON-lines file of a user. Raises DataError.

    Hinglish-TOP has the columns en_query, cs_query and en_parse; the label is the outermost intent of the parse. Other
    files have the columns or fields query and label, and may have english and language. Without english, the query is
    its own original. Where a language is missing, it is detected from all such queries together, since one is short.
    """
    rows = []
    for number, row in _records(path):
        if "en_parse" in row:
            parse = row["en_parse"]
            if not (intent := _INTENT.match(parse)):
                raise DataError(f"{path}, line {number}: the parse opens with no intent [IN:…]: {parse[:60]!r}.")
            rows.append(LabelledQuery(clean_line(row["en_query"]), clean_line(row["cs_query"]), intent[1], "hi-Latn"))
            continue
        query = clean_line(row["query"])
        english = clean_line(row["english"]) if "english" in row else query
        rows.append(LabelledQuery(english, query, row["label"], row.get("language", "")))
    if not rows:
        raise DataError(f"{path} is empty.")
    undeclared = [row.text for row in rows if not row.language]
    language = detect_language("\n".join(undeclared[:DETECTED_QUERIES])) if undeclared else ""
    return [row if row.language else replace(row, language=language) for row in rows]


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a file of labelled queries, with their numbers. Raises DataError if one lacks a field it needs."""
    if path.suffix == ".jsonl":
        for number, value in enumerate(read_jsonl(path), start=1):
            if missing := {"query", "label"} - {name for name, text in value.items() if isinstance(text, str)}:
                raise DataError(f"{path}, object {number}: {', '.join(sorted(missing))} must be there, as text.")
            yield number, {name: text for name, text in value.items() if isinstance(text, str)}
        return
    lines = list(numbered_lines(path))
    if not lines:
        return
    header = lines[0][1].split("\t")
    required = {"en_query", "cs_query", "en_parse"} if "en_query" in header else {"query", "label"}
    if missing := required - set(header):
        raise DataError(f"{path}, line 1: the columns {', '.join(sorted(missing))} are missing from {header}.")
    reader = csv.reader((line for _, line in lines[1:]), delimiter="\t", quoting=csv.QUOTE_NONE)
    for (number, _), columns in zip(lines[1:], reader, strict=True):
        if len(columns) != len(header):
            raise DataError(f"{path}, line {number}: {len(columns)} columns, the header has {len(header)}.")
        yield number, dict(zip(header, columns, strict=True))

"""Passages as cards. Everything from a document or a model is escaped: it is text, never markup."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from rag.types import Answer, Citation
from retriever.types import Document, Hit, Passage


def sources(answer: Answer, words: dict[str, str]) -> str:
    """The sources panel of an answer."""
    parts = []
    if answer.abstained and answer.citations:
        parts.append(f'<p class="note">{escape(words["nearest"])}</p>')
    if answer.doubts:
        parts.append(f'<p class="failed">{escape(words["doubts"])}: {escape(", ".join(answer.doubts))}</p>')
    parts += [_citation(citation, words, opened=index == 0) for index, citation in enumerate(answer.citations)]
    return "".join(parts) or f'<p class="note">{escape(words["sources_hint"])}</p>'


def found(hits: Sequence[Hit], words: dict[str, str]) -> str:
    """Search results."""
    if not hits:
        return f'<p class="note">{escape(words["none_found"])}</p>'
    return "".join(
        _card(str(number), hit.passage, hit.score, escape(hit.passage.text), words, opened=True)
        for number, hit in enumerate(hits, start=1)
    )


def documents(listed: Sequence[Document], words: dict[str, str]) -> str:
    """The table of the library's documents."""
    columns = ("col_title", "col_language", "col_passages", "col_source")
    head = "".join(f"<th>{escape(words[column])}</th>" for column in columns)
    rows = (
        f'<tr><td dir="auto">{escape(d.title)}</td><td>{escape(d.language)}</td><td>{d.passages}</td>'
        f'<td dir="auto">{escape(Path(d.source).name)}</td></tr>'
        for d in listed
    )
    return f'<div class="documents"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _citation(citation: Citation, words: dict[str, str], *, opened: bool) -> str:
    text, start, end = citation.passage.text, citation.start, citation.end
    body = f"{escape(text[:start])}<mark>{escape(text[start:end])}</mark>{escape(text[end:])}"
    return _card(str(citation.number), citation.passage, citation.score, body, words, opened=opened)


def _card(number: str, passage: Passage, score: float, body: str, words: dict[str, str], *, opened: bool) -> str:
    page = f"{escape(words['page'])} {passage.page} · " if passage.page else ""
    meta = f"{page}{escape(passage.language)} · {escape(words['score'])} {score:.3f}"
    return (
        f'<details class="card" dir="auto"{" open" if opened else ""}>'
        f"<summary>[{number}] {escape(passage.title)}</summary>"
        f'<div class="meta">{meta}</div><p dir="auto" lang="{escape(passage.language)}">{body}</p></details>'
    )

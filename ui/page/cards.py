"""HTML of the page: cards of passages, the table of documents, notes.

All text from documents and models is escaped, so it never becomes markup.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from rag.types import Answer, Citation
from retriever.types import Document, Hit, Passage


def sources(answer: Answer, words: dict[str, str], translations: Mapping[int, str | None] | None = None) -> str:
    """The sources panel of an answer. `words` are the page's strings (`ui.page.strings`), here and below.

    `translations` are those of citations' quoted words by the citation's number; None stands for one that failed.
    """
    parts = []
    translated = {
        number: _translation(translation, answer.language, words)
        for number, translation in (translations or {}).items()
    }
    if answer.abstained and answer.citations:
        parts.append(note(words["nearest"]))
    if answer.doubts:
        parts.append(f'<p class="failed">{escape(words["doubts"])}: {escape(", ".join(answer.doubts))}</p>')
    parts += [
        _citation(citation, words, translated.get(citation.number, ""), is_open=index == 0)
        for index, citation in enumerate(answer.citations)
    ]
    return "".join(parts) or note(words["sources_hint"])


def search_results(hits: Sequence[Hit], words: dict[str, str]) -> str:
    """The passages that a search in the library finds."""
    if not hits:
        return note(words["none_found"])
    return "".join(
        _card(str(number), hit.passage, hit.score, escape(hit.passage.text), words, is_open=True)
        for number, hit in enumerate(hits, start=1)
    )


def documents(library_documents: Sequence[Document], words: dict[str, str]) -> str:
    """The table of the library's documents."""
    columns = ("col_title", "col_language", "col_passages", "col_source")
    rows = (
        (document.title, document.language, str(document.passages), Path(document.source).name)
        for document in library_documents
    )
    return table([words[column] for column in columns], rows)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts.

    >>> table(["a"], [["1 < 2"]])
    '<div class="listing"><table><tr><th>a</th></tr><tr><td dir="auto">1 &lt; 2</td></tr></table></div>'
    """
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="listing"><table><tr>{head}</tr>{body}</table></div>'


def note(text: str) -> str:
    """A line of small print.

    >>> note("1 < 2")
    '<p class="note">1 &lt; 2</p>'
    """
    return f'<p class="note">{escape(text)}</p>'


def failure(text: str) -> str:
    """What went wrong, and what to do.

    >>> failure("Bad & worse.")
    '<p class="failed" dir="auto">Bad &amp; worse.</p>'
    """
    return f'<p class="failed" dir="auto">{escape(text)}</p>'


def _cell(text: str) -> str:
    return f'<td dir="auto">{escape(text)}</td>'


def _citation(citation: Citation, words: dict[str, str], translation: str, *, is_open: bool) -> str:
    """The card of a cited passage, with the quoted words marked and, below, their translation (HTML or nothing)."""
    text, start, end = citation.passage.text, citation.start, citation.end
    body = f"{escape(text[:start])}<mark>{escape(text[start:end])}</mark>{escape(text[end:])}"
    is_open = is_open or bool(translation)
    return _card(str(citation.number), citation.passage, citation.score, body, words, translation, is_open=is_open)


def _translation(translation: str | None, language: str, words: dict[str, str]) -> str:
    """A translation with what made it, or that there is none."""
    if translation is None:
        return note(words["no_translation"])
    text = f'<p class="translation" dir="auto" lang="{escape(language)}">{escape(translation)}</p>'
    return f"{note(words['machine_translation'])}{text}"


def _card(
    number: str,
    passage: Passage,
    score: float,
    body: str,
    words: dict[str, str],
    translation: str = "",
    *,
    is_open: bool,
) -> str:
    """The card of a passage. `body` and `translation` are HTML: their text is escaped already."""
    page = f"{escape(words['page'])} {passage.page} · " if passage.page else ""
    meta = f"{page}{escape(passage.language)} · {escape(words['score'])} {score:.3f}"
    return (
        f'<details class="card" dir="auto"{" open" if is_open else ""}>'
        f"<summary>[{number}] {escape(passage.title)}</summary>"
        f'<div class="meta">{meta}</div><p dir="auto" lang="{escape(passage.language)}">{body}</p>'
        f"{translation}</details>"
    )

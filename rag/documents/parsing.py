"""A file becomes text blocks that know their page. Which library reads what, and why: docs/decisions.md."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rag.documents.formats.office import parse_docx, parse_pptx, parse_xlsx
from rag.documents.formats.page import Page, TitledPages
from rag.documents.formats.pdf import parse_pdf
from rag.documents.formats.tables import parse_csv
from rag.documents.formats.text import parse_jsonl, parse_text
from rag.documents.formats.web import parse_html, parse_markdown
from rag.errors import UnreadableFileError

__all__ = ["PARSERS", "Page", "ParsedFile", "clean_text", "parse"]

MAX_EXTRACTED_CHARACTERS = 20_000_000
_ALLOWED = "\n\t\u200c\u200d"
"""Control characters that stay. Persian, Hindi and others are spelled with zero-width non-joiner and joiner."""

PARSERS: dict[str, Callable[[str, bytes], TitledPages]] = {
    ".txt": parse_text,
    ".md": parse_markdown,
    ".html": parse_html,
    ".htm": parse_html,
    ".pdf": parse_pdf,
    ".docx": parse_docx,
    ".pptx": parse_pptx,
    ".xlsx": parse_xlsx,
    ".csv": parse_csv,
    ".tsv": parse_csv,
    ".jsonl": parse_jsonl,
}
"""What reads a file, by its ending."""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A document's title and text, NFC, without control characters."""

    title: str
    pages: tuple[Page, ...]


def parse(name: str, data: bytes) -> ParsedFile:
    """Read a file by its extension. Raises UnreadableFileError with the reason.

    >>> parse("notes.txt", b"Founded in 1088.")
    ParsedFile(title='notes', pages=(Page(number=None, text='Founded in 1088.'),))
    """
    suffix = Path(name).suffix.lower()
    parser = PARSERS.get(suffix)
    if parser is None:
        supported = " ".join(sorted(PARSERS))
        raise UnreadableFileError(f"{name}: files ending in {suffix!r} are not supported; supported are {supported}.")
    if not data.strip():
        raise UnreadableFileError(f"{name}: the file is empty.")
    try:
        title, pages = parser(name, data)
    except UnreadableFileError:
        raise
    except Exception as error:  # a parser meets a broken file with any exception; the reason goes to the owner
        raise UnreadableFileError(
            f"{name}: the file is damaged or is no {suffix} file ({type(error).__name__}: {str(error)[:120]})."
        ) from error
    heading = clean_text(title).split("\n")[0]
    cleaned_pages = tuple(Page(page.number, _without_heading(clean_text(page.text), heading)) for page in pages)
    if not any(page.text for page in cleaned_pages):
        raise UnreadableFileError(f"{name}: no text was found in it (a scan needs text recognition first).")
    if sum(len(page.text) for page in cleaned_pages) > MAX_EXTRACTED_CHARACTERS:
        raise UnreadableFileError(f"{name}: it holds more than {MAX_EXTRACTED_CHARACTERS:,} characters; split it.")
    return ParsedFile(heading[:200] or Path(name).stem, cleaned_pages)


def clean_text(text: str) -> str:
    r"""NFC, lines ended by line feeds, without control, bidi-override, zero-width and surrogate characters.

    Zero-width joiner and non-joiner stay.

    >>> clean_text("one\u202e  two\r\nthree")
    'one two\nthree'
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    visible = (
        character
        for character in text
        if character in _ALLOWED or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    lines = (" ".join(line.split()) for line in "".join(visible).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_heading(text: str, heading: str) -> str:
    """The text without the title that it opens with: a passage carries its document's title anyway."""
    return text.removeprefix(f"{heading}\n").lstrip() if heading else text

"""A file becomes text blocks that know their page. Which library reads what, and why: docs/decisions.md.

This runs in the process of `rag.documents.worker`; `rag.documents.parsing.parse` is the way to it.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rag.documents.formats.limits import MAX_EXTRACTED_CHARACTERS, LimitError, check_limit
from rag.documents.formats.office import parse_docx, parse_pptx, parse_xlsx
from rag.documents.formats.page import Page, TitledPages
from rag.documents.formats.pdf import parse_pdf
from rag.documents.formats.tables import parse_csv
from rag.documents.formats.text import parse_jsonl, parse_text
from rag.documents.formats.web import parse_html, parse_markdown
from rag.errors import UnreadableFileError
from retriever.languages.normalization import nfc

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


def extract(name: str, data: bytes) -> ParsedFile:
    """Read a file by its extension, which is one of PARSERS. Raises UnreadableFileError with the reason.

    >>> extract("notes.txt", b"Founded in 1088.")
    ParsedFile(title='notes', pages=(Page(number=None, text='Founded in 1088.'),))
    """
    suffix = Path(name).suffix.lower()
    try:
        title, pages = PARSERS[suffix](name, data)
        check_limit(sum(len(page.text) for page in pages), MAX_EXTRACTED_CHARACTERS, "characters")
        heading = clean_text(title[:10_000]).split("\n")[0]
        cleaned_pages = tuple(Page(page.number, _without_heading(clean_text(page.text), heading)) for page in pages)
    except UnreadableFileError:
        raise
    except LimitError as error:
        raise UnreadableFileError(f"{name}: {error}.") from error
    except MemoryError as error:
        raise UnreadableFileError(f"{name}: reading it needs too much memory; split it.") from error
    except Exception as error:  # a parser meets a broken file with any exception; the reason goes to the owner
        reason = clean_text(str(error)[:120])
        raise UnreadableFileError(
            f"{name}: the file is damaged or is no {suffix} file ({type(error).__name__}: {reason})."
        ) from error
    if not any(page.text for page in cleaned_pages):
        raise UnreadableFileError(f"{name}: no text was found in it (a scan needs text recognition first).")
    return ParsedFile(heading[:200] or clean_text(Path(name).stem), cleaned_pages)


def clean_text(text: str) -> str:
    r"""NFC, lines ended by line feeds, without control, bidi-override, zero-width and surrogate characters.

    Zero-width joiner and non-joiner stay.

    >>> clean_text("one\u202e  two\r\nthree")
    'one two\nthree'
    """
    text = nfc(text.replace("\r\n", "\n").replace("\r", "\n")).translate(_REMOVED)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Removed(dict[int, int | None]):
    """What `str.translate` makes of a character: itself, or nothing; each is looked up once."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        stays = character in _ALLOWED or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
        self[code] = code if stays else None
        return self[code]


_REMOVED = _Removed()


def _without_heading(text: str, heading: str) -> str:
    """The text without the title that it opens with: a passage carries its document's title anyway."""
    return text.removeprefix(f"{heading}\n").lstrip() if heading else text

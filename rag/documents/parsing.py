"""A file becomes text blocks that know their page. Which library reads what, and why: docs/decisions.md."""

import csv
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes

from rag.errors import UnreadableFileError

MAX_UNPACKED_RATIO = 100
"""Office files are zip archives; one that unpacks to more than this times the size limit's files is a bomb."""
RARE_ENCODINGS = "mac_cyrillic mac_greek mac_iceland mac_latin2 mac_roman mac_turkish hp_roman8 cp037 cp500".split()
"""Hardly ever met, and taken for Windows' code pages."""
MAX_EXTRACTED_CHARACTERS = 20_000_000


@dataclass(frozen=True, slots=True)
class Page:
    """Text of one page (PDF), slide or sheet; `number` counts from 1 and is None where there are no pages."""

    number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A document's title and text, NFC, without control characters."""

    title: str
    pages: tuple[Page, ...]


def parse(name: str, data: bytes) -> ParsedFile:
    """Read a file by its extension. Raises UnreadableFileError with the reason."""
    suffix = Path(name).suffix.lower()
    parser = PARSERS.get(suffix)
    if parser is None:
        known = " ".join(sorted(PARSERS))
        raise UnreadableFileError(f"{name}: files ending in {suffix!r} are not supported; supported are {known}.")
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
    cleaned = tuple(Page(page.number, _without(heading, clean_text(page.text))) for page in pages)
    if not any(page.text for page in cleaned):
        raise UnreadableFileError(f"{name}: no text was found in it (a scan needs text recognition first).")
    if sum(len(page.text) for page in cleaned) > MAX_EXTRACTED_CHARACTERS:
        raise UnreadableFileError(f"{name}: it holds more than {MAX_EXTRACTED_CHARACTERS:,} characters; split it.")
    return ParsedFile(heading[:200] or Path(name).stem, cleaned)


def _without(heading: str, text: str) -> str:
    """The text without the title it opens with: a passage carries its document's title anyway."""
    return text.removeprefix(f"{heading}\n").lstrip() if heading else text


def clean_text(text: str) -> str:
    """NFC, lines ended by line feeds, without control, bidi-override, zero-width and surrogate characters.

    Zero-width joiner and non-joiner stay: Persian, Hindi and others are spelled with them.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    kept = (
        character
        for character in text
        if character in "\n\t\u200c\u200d" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    lines = (" ".join(line.split()) for line in "".join(kept).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def decode(name: str, data: bytes) -> str:
    """Text of any encoding. Raises UnreadableFileError for binary data."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise UnreadableFileError(f"{name}: it claims to be {encoding} text and is not ({error}).") from error
    if b"\x00" in data[:4096]:
        raise UnreadableFileError(f"{name}: this is binary data, not text.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        guess = from_bytes(data[:200_000], cp_exclusion=RARE_ENCODINGS).best()
    if guess is None or not guess.could_be_from_charset:
        raise UnreadableFileError(f"{name}: its text encoding was not recognised; save it as UTF-8.")
    try:
        return data.decode(guess.encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{name}: its text encoding was not recognised; save it as UTF-8.") from error


Result = tuple[str, list[Page]]


def _text(name: str, data: bytes) -> Result:
    return Path(name).stem, [Page(None, decode(name, data))]


def _html(name: str, data: bytes) -> Result:
    return _from_html(Path(name).stem, decode(name, data) if not data.startswith(b"<?xml") else data)


def _from_html(stem: str, markup: str | bytes) -> Result:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(markup, "html.parser")
    for hidden in soup(["script", "style", "template", "noscript", "iframe", "object", "svg", "nav", "form"]):
        hidden.decompose()
    for element in soup.select("[hidden], [aria-hidden=true], [style*='display:none'], [style*='display: none']"):
        element.decompose()
    heading = soup.find("h1")
    title = (soup.title.get_text() if soup.title else "") or (heading.get_text() if heading else "")
    for inline_break in soup.find_all("br"):
        inline_break.replace_with("\n")
    for block in soup.find_all(BLOCKS):
        block.insert_before("\n\n")
        block.insert_after("\n\n")
    body = soup.body or soup
    if soup.title:
        soup.title.decompose()
    return title.strip() or stem, [Page(None, body.get_text())]


BLOCKS = [
    "p",
    "div",
    "li",
    "tr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "section",
    "article",
    "blockquote",
    "pre",
    "dt",
    "dd",
    "table",
]


def _markdown(name: str, data: bytes) -> Result:
    from markdown_it import MarkdownIt

    return _from_html(
        Path(name).stem, MarkdownIt("commonmark", {"html": False}).enable("table").render(decode(name, data))
    )


def _pdf(name: str, data: bytes) -> Result:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadableFileError(f"{name}: the PDF is encrypted; save a copy without a password.") from error
        raise UnreadableFileError(f"{name}: the PDF is damaged or is no PDF ({error}).") from error
    try:
        pages = []
        for number in range(len(document)):
            page = document[number]
            pages.append(Page(number + 1, page.get_textpage().get_text_bounded()))
            page.close()
        return str(document.get_metadata_dict().get("Title") or "") or Path(name).stem, pages
    finally:
        document.close()


def _check_zip(name: str, data: bytes) -> None:
    """Refuse an office file that is encrypted, no zip, or unpacks to far more than it weighs."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFileError(
            f"{name}: the file is encrypted or in an old Office format; save it anew without a password."
        )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > max(MAX_UNPACKED_RATIO * len(data), 10_000_000):
        raise UnreadableFileError(f"{name}: it unpacks to {unpacked / 1e6:.0f} MB, which no honest document does.")


def _docx(name: str, data: bytes) -> Result:
    import docx
    from docx.table import Table

    _check_zip(name, data)
    document = docx.Document(io.BytesIO(data))
    parts = []
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            parts += [" | ".join(cell.text for cell in row.cells) for row in item.rows]
        else:
            parts.append(item.text)
    return document.core_properties.title or Path(name).stem, [Page(None, "\n\n".join(parts))]


def _pptx(name: str, data: bytes) -> Result:
    import pptx

    _check_zip(name, data)
    deck = pptx.Presentation(io.BytesIO(data))
    pages = []
    for number, slide in enumerate(deck.slides, start=1):
        shapes: list[Any] = list(slide.shapes)
        parts = [shape.text_frame.text for shape in shapes if shape.has_text_frame]
        for shape in shapes:
            if shape.has_table:
                parts += [" | ".join(cell.text for cell in row.cells) for row in shape.table.rows]
        pages.append(Page(number, "\n\n".join(parts)))
    return deck.core_properties.title or Path(name).stem, pages


def _xlsx(name: str, data: bytes) -> Result:
    import openpyxl

    _check_zip(name, data)
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    pages = []
    for number, sheet in enumerate(book.worksheets, start=1):
        rows = ([str(cell) if cell is not None else "" for cell in row] for row in sheet.iter_rows(values_only=True))
        pages.append(Page(number, _rows(rows)))
    return book.properties.title or Path(name).stem, pages


def _csv(name: str, data: bytes) -> Result:
    text = decode(name, data)
    try:
        dialect: Any = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if name.lower().endswith(".tsv") else csv.excel
    return Path(name).stem, [Page(None, _rows(csv.reader(io.StringIO(text), dialect)))]


def _rows(rows: Iterator[list[str]]) -> str:
    """A table as sentences that stand alone: "header: value; header: value." a row."""
    header = next(rows, [])
    lines = []
    for row in rows:
        cells = [f"{key}: {value}" if key else value for key, value in zip(header, row, strict=False) if value.strip()]
        if cells:
            lines.append("; ".join(cells) + ".")
    return "\n\n".join(lines) or " ".join(header)


def _jsonl(name: str, data: bytes) -> Result:
    parts = []
    for number, line in enumerate(decode(name, data).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise UnreadableFileError(f"{name}: line {number} is not JSON ({error.msg}).") from error
        if not isinstance(record, dict) or not isinstance(record.get("text"), str):
            raise UnreadableFileError(f'{name}: line {number} has no "text"; each line must be like {{"text": "…"}}.')
        title = record.get("title")
        parts.append(f"{title}\n{record['text']}" if isinstance(title, str) and title else record["text"])
    return Path(name).stem, [Page(None, "\n\n".join(parts))]


PARSERS: dict[str, Callable[[str, bytes], Result]] = {
    ".txt": _text,
    ".md": _markdown,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".docx": _docx,
    ".pptx": _pptx,
    ".xlsx": _xlsx,
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _jsonl,
}

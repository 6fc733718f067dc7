"""Word, PowerPoint and Excel files: zip archives of XML."""

import io
import zipfile
from pathlib import Path
from typing import Any

from rag.documents.formats.page import Page, TitledPages
from rag.documents.formats.tables import rows_to_sentences
from rag.errors import UnreadableFileError

MAX_UNPACKED_RATIO = 100
"""An archive that unpacks to more than this times its own size, and to more than MIN_BOMB_BYTES, is a zip bomb."""
MIN_BOMB_BYTES = 10_000_000


def parse_docx(name: str, data: bytes) -> TitledPages:
    """Paragraphs and tables of a Word document, in order."""
    import docx
    from docx.table import Table

    _check_archive(name, data)
    document = docx.Document(io.BytesIO(data))
    parts = []
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            parts += [" | ".join(cell.text for cell in row.cells) for row in item.rows]
        else:
            parts.append(item.text)
    return document.core_properties.title or Path(name).stem, [Page(None, "\n\n".join(parts))]


def parse_pptx(name: str, data: bytes) -> TitledPages:
    """The slides of a PowerPoint deck: text frames, then tables."""
    import pptx

    _check_archive(name, data)
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


def parse_xlsx(name: str, data: bytes) -> TitledPages:
    """The sheets of an Excel workbook, as `rows_to_sentences` writes them."""
    import openpyxl

    _check_archive(name, data)
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    pages = []
    for number, sheet in enumerate(book.worksheets, start=1):
        rows = ([str(cell) if cell is not None else "" for cell in row] for row in sheet.iter_rows(values_only=True))
        pages.append(Page(number, rows_to_sentences(rows)))
    return book.properties.title or Path(name).stem, pages


def _check_archive(name: str, data: bytes) -> None:
    """Refuse an office file that is encrypted, no zip, or unpacks to far more than it weighs."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFileError(
            f"{name}: the file is encrypted or in an old Office format; save it anew without a password."
        )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    if unpacked_bytes > max(MAX_UNPACKED_RATIO * len(data), MIN_BOMB_BYTES):
        raise UnreadableFileError(
            f"{name}: it unpacks to {unpacked_bytes / 1e6:.0f} MB, which no honest document does."
        )

"""Word, PowerPoint and Excel files: zip archives of XML."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.documents.formats.limits import (
    MAX_PAGES,
    MAX_PARAGRAPHS,
    MAX_RUNS,
    MAX_TABLE_COLUMNS,
    MAX_UNPACKED_BYTES,
    check_limit,
    limited_texts,
)
from rag.documents.formats.page import Page, TitledPages
from rag.documents.formats.tables import rows_to_sentences
from rag.errors import UnreadableFileError

MAX_UNPACKED_RATIO = 100
"""An archive that unpacks to more than this times its own size, and to more than MIN_BOMB_BYTES, is a zip bomb."""
MIN_BOMB_BYTES = 10_000_000
MAX_SHEET_COLUMNS = 16_384
"""Columns of an Excel sheet, A to XFD."""

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def parse_docx(name: str, data: bytes) -> TitledPages:
    """Paragraphs and tables of a Word document, in order, without hidden text."""
    import docx

    _check_archive(name, data)
    document = docx.Document(io.BytesIO(data))
    check_limit(sum(1 for _ in document.element.body.iter(f"{WORD}p")), MAX_PARAGRAPHS, "paragraphs")
    check_limit(sum(1 for _ in document.element.body.iter(f"{WORD}r")), MAX_RUNS, "pieces of formatted text")
    _remove_hidden_text(document)
    text = "\n\n".join(limited_texts(_docx_texts(document)))
    return document.core_properties.title or Path(name).stem, [Page(None, text)]


def parse_pptx(name: str, data: bytes) -> TitledPages:
    """The slides of a PowerPoint deck: text frames, then tables."""
    import pptx

    _check_archive(name, data)
    deck = pptx.Presentation(io.BytesIO(data))
    check_limit(len(deck.slides), MAX_PAGES, "slides")
    pages = [Page(number, text) for number, text in enumerate(limited_texts(map(_slide_text, deck.slides)), start=1)]
    return deck.core_properties.title or Path(name).stem, pages


def parse_xlsx(name: str, data: bytes) -> TitledPages:
    """The sheets of an Excel workbook, as `rows_to_sentences` writes them."""
    import openpyxl

    _check_archive(name, data)
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    check_limit(len(book.worksheets), MAX_PAGES, "sheets")
    texts = limited_texts(rows_to_sentences(_sheet_rows(sheet)) for sheet in book.worksheets)
    return book.properties.title or Path(name).stem, [Page(number, text) for number, text in enumerate(texts, start=1)]


def _docx_texts(document: Any) -> Iterator[str]:
    """The text of each paragraph and of each row of a table."""
    from docx.table import Table

    for item in document.iter_inner_content():
        if isinstance(item, Table):
            yield from _row_texts(item)
        else:
            yield item.text


def _row_texts(table: Any) -> Iterator[str]:
    """The rows of a table in Word; a merged cell's text stands in every row and column that the cell covers."""
    from docx.table import _Cell

    above: dict[int, list[str]] = {}  # the texts of the last row's cells, by their first column
    for row in table.rows:
        texts: dict[int, list[str]] = {}
        column = row.grid_cols_before
        for cell in row._tr.tc_lst:
            check_limit(column + cell.grid_span, MAX_TABLE_COLUMNS, "columns in a table")
            is_continued = cell.vMerge == "continue" and column in above
            texts[column] = above[column] if is_continued else [_Cell(cell, table).text] * cell.grid_span
            column += cell.grid_span
        yield " | ".join(text for cell_texts in texts.values() for text in cell_texts)
        above = texts


def _remove_hidden_text(document: Any) -> None:
    """Take out the runs that are hidden themselves or by their style or their paragraph's style."""

    def is_hidden(properties: Any) -> bool:
        mark = None if properties is None else properties.find(f"{WORD}vanish")
        return mark is not None and mark.get(f"{WORD}val", "1") not in ("0", "false", "off")

    def style(properties: Any, tag: str) -> str | None:
        mark = None if properties is None else properties.find(f"{WORD}{tag}")
        return None if mark is None else mark.get(f"{WORD}val")

    hidden_styles = {
        element.get(f"{WORD}styleId")
        for element in document.styles.element.iter(f"{WORD}style")
        if is_hidden(element.find(f"{WORD}rPr"))
    }
    for paragraph in document.element.body.iter(f"{WORD}p"):
        is_hidden_paragraph = style(paragraph.find(f"{WORD}pPr"), "pStyle") in hidden_styles
        for run in list(paragraph.iter(f"{WORD}r")):
            properties = run.find(f"{WORD}rPr")
            if is_hidden_paragraph or is_hidden(properties) or style(properties, "rStyle") in hidden_styles:
                run.getparent().remove(run)


def _slide_text(slide: Any) -> str:
    shapes: list[Any] = list(slide.shapes)
    texts = [shape.text_frame.text for shape in shapes if shape.has_text_frame]
    for shape in shapes:
        if shape.has_table:
            texts += [" | ".join(cell.text for cell in row.cells) for row in shape.table.rows]
    return "\n\n".join(texts)


def _sheet_rows(sheet: Any) -> Iterator[list[str]]:
    """The rows of a sheet; each is as wide as its last cell, the first as wide as the sheet says that it is."""
    width = min(sheet.max_column or 0, MAX_SHEET_COLUMNS)
    sheet.reset_dimensions()  # else every row is filled up to the sheet's width, and rows are made that are not there
    for number, row in enumerate(sheet.iter_rows(values_only=True)):
        cells = ["" if cell is None else str(cell) for cell in row]
        yield cells if number else cells + [""] * (width - len(cells))


def _check_archive(name: str, data: bytes) -> None:
    """Refuse an office file that is encrypted, no zip, or unpacks to far more than it weighs."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFileError(
            f"{name}: the file is encrypted or in an old Office format; save it anew without a password."
        )
    # An entry that claims to be smaller than it is gets cut off at its claim when it is read.
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked_bytes = sum(entry.file_size for entry in archive.infolist())
    limit = min(max(MAX_UNPACKED_RATIO * len(data), MIN_BOMB_BYTES), MAX_UNPACKED_BYTES)
    if unpacked_bytes > limit:
        raise UnreadableFileError(
            f"{name}: it unpacks to {unpacked_bytes / 1e6:.0f} MB, the limit is {limit / 1e6:.0f} MB; split it."
        )

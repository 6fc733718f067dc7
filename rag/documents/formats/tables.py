"""CSV and TSV, and how the rows of any table become text."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rag.documents.formats.encodings import decode
from rag.documents.formats.limits import (
    MAX_HEADER_RATIO,
    MIN_HEADER_CHARACTERS,
    LimitError,
    limited_rows,
    limited_texts,
)
from rag.documents.formats.page import Page, TitledPages


def parse_csv(name: str, data: bytes) -> TitledPages:
    """A table whose separator is recognised; else tabs for .tsv and commas for the rest."""
    text = decode(name, data)
    try:
        dialect: Any = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if name.lower().endswith(".tsv") else csv.excel
    return Path(name).stem, [Page(None, rows_to_sentences(csv.reader(io.StringIO(text), dialect)))]


def rows_to_sentences(rows: Iterator[list[str]]) -> str:
    """A table as sentences that stand alone, one a row; the first row is the header.

    Raises LimitError if there are too many cells or the header makes up nearly all of the text.

    >>> rows_to_sentences(iter([["City", "People"], ["Cluj", "286598"]]))
    'City: Cluj; People: 286598.'
    """
    header = next(rows, [])
    return "\n\n".join(limited_texts(_sentences(header, rows))) or " ".join(header)


def _sentences(header: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    header_characters = value_characters = 0
    for row in limited_rows(rows):
        cells = [(key, value) for key, value in zip(header, row, strict=False) if value.strip()]
        header_characters += sum(len(key) for key, _ in cells)
        value_characters += sum(len(value) for _, value in cells)
        if header_characters > max(MAX_HEADER_RATIO * value_characters, MIN_HEADER_CHARACTERS):
            raise LimitError(
                f"its header is more than {MAX_HEADER_RATIO} times as long as its values; shorten the first row"
            )
        if cells:
            yield "; ".join(f"{key}: {value}" if key else value for key, value in cells) + "."

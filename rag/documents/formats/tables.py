"""CSV and TSV, and how the rows of any table become text."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.documents.formats.encodings import decode
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

    >>> rows_to_sentences(iter([["City", "People"], ["Cluj", "286598"]]))
    'City: Cluj; People: 286598.'
    """
    header = next(rows, [])
    sentences = []
    for row in rows:
        cells = [f"{key}: {value}" if key else value for key, value in zip(header, row, strict=False) if value.strip()]
        if cells:
            sentences.append("; ".join(cells) + ".")
    return "\n\n".join(sentences) or " ".join(header)

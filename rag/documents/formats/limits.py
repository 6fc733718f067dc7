"""Limits on what a file may hold, checked while it is read."""

from collections.abc import Iterable, Iterator

MAX_EXTRACTED_CHARACTERS = 20_000_000
MAX_UNPACKED_BYTES = 200_000_000
MAX_PAGES = 5_000
MAX_PARAGRAPHS = 500_000
MAX_RUNS = 1_000_000
MAX_CELLS = 5_000_000
MAX_TABLE_COLUMNS = 1_000
"""Columns of a table in a text document; Word itself stops at 63."""
MAX_NESTING = 20_000
MAX_OPEN_TAGS = 1_000
"""Beginnings of HTML tags of which none is closed."""
MAX_HEADER_RATIO = 50
"""A table's header may be repeated up to this many times the length of the values, or MIN_HEADER_CHARACTERS."""
MIN_HEADER_CHARACTERS = 2_000_000


class LimitError(Exception):
    """A file breaks a limit; the message continues a sentence that begins with the file's name."""


def check_limit(count: int, limit: int, things: str) -> None:
    """Raise LimitError if there are more things than the limit.

    >>> check_limit(3, 2, "pages")
    Traceback (most recent call last):
    rag.documents.formats.limits.LimitError: it holds more than 2 pages; split it
    """
    if count > limit:
        raise LimitError(f"it holds more than {limit:,} {things}; split it")


def limited_texts(texts: Iterable[str]) -> Iterator[str]:
    """The texts as they come. Raises LimitError once they have more than MAX_EXTRACTED_CHARACTERS together."""
    characters = 0
    for text in texts:
        characters += len(text)
        check_limit(characters, MAX_EXTRACTED_CHARACTERS, "characters")
        yield text


def limited_rows(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """The rows as they come. Raises LimitError once they have more than MAX_CELLS together."""
    cells = 0
    for row in rows:
        cells += len(row)
        check_limit(cells, MAX_CELLS, "table cells")
        yield row

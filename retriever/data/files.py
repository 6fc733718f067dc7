"""What the readers share: JSON lines, numbered lines and clean text."""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retriever.errors import DataError


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines. Raises DataError for a line that holds no object."""
    for number, line in numbered_lines(path):
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {number}: no JSON ({error.msg}).") from error
        if not isinstance(value, dict):
            raise DataError(f"{path}, line {number}: expected an object, found {line[:60]!r}.")
        yield value


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file that are not blank, with their numbers from 1. Raises DataError."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}).") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def clean_line(raw: str) -> str:
    """The text in NFC, on one line.

    >>> clean_line(" The  Danube   is long. ")
    'The Danube is long.'
    """
    return " ".join(unicodedata.normalize("NFC", raw).split())

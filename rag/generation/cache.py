"""What the generator made, kept on disk so that it is made once."""

import contextlib
import sqlite3
from pathlib import Path


def open_cache(file: Path, table: str) -> "contextlib.closing[sqlite3.Connection]":
    """The cache in a file, which is made if it is missing; `table` is the definition of its table: name and columns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cache = sqlite3.connect(file, timeout=10)
    cache.execute(f"CREATE TABLE IF NOT EXISTS {table}")
    return contextlib.closing(cache)

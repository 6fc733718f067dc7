"""What the page, the server and the command show of the state: collections, limits, times."""

from dataclasses import dataclass
from datetime import datetime

LIBRARY = "library"
"""The name of the collection that is there from the start: the library of the settings."""


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection: its name, its number of documents, passages by language, and the settings that are its own.

    `readers` are "everyone", "user:NAME" or "group:NAME", told to those who manage it; its owner and administrators see
    it in any case.
    """

    name: str
    documents: int
    languages: dict[str, int]
    settings: dict[str, object]
    owner: str
    readers: list[str]


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the server; `name` is its key among the page's strings, `setting` what changes it."""

    name: str
    value: str
    setting: str = ""


def minute(time: datetime | None) -> str:
    """A time for people to read.

    >>> minute(datetime(2026, 11, 30, 9, 5)), minute(None)
    ('2026-11-30 09:05', '')
    """
    return f"{time:%Y-%m-%d %H:%M}" if time else ""

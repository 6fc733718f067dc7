"""What a collection is, for those who hold it and those who ask for it over HTTP."""

from dataclasses import dataclass

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

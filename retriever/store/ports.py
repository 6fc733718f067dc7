"""What search needs of a store, and a store of its engines, whichever they are.

`tests/retriever/store/test_ports.py` runs the same tests over every engine.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from retriever.store.baseline import ScoreBaseline
from retriever.types import Document, Passage, Vectors


@runtime_checkable  # pydantic checks the retriever's field
class PassageIndex(Protocol):
    """Passages that can be searched by vector and by words; `Collection` is the one on disk."""

    def nearest(self, vector: Vectors, k: int, where: Mapping[str, Any] | None = None) -> list[tuple[str, float]]:
        """The k passages nearest to a unit vector as (id, cosine), best first; `where` filters by metadata."""
        ...

    def matching(self, words: str, k: int) -> list[tuple[str, float]]:
        """The k passages that match the words best as (id, BM25 score), best first."""
        ...

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """The passages with these ids; unknown ids are left out."""
        ...

    def languages(self) -> dict[str, int]:
        """Number of passages in each language."""
        ...


class DocumentStore(Protocol):
    """Documents, passages and their words: what is in the library, which vectors follow.

    `DocumentDatabase` keeps them in SQLite or PostgreSQL. A change is made whole or not at all.
    """

    def documents(self) -> list[Document]:
        """All documents, oldest first, with their number of passages."""
        ...

    def from_source(self, source: str) -> Document | None:
        """The document from this source."""
        ...

    def has_content(self, sha256: str) -> bool:
        """Whether a document has this content."""
        ...

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """The passages with these ids; unknown ids are left out."""
        ...

    def all_passages(self) -> list[Passage]:
        """Every passage, in the order in which it was added."""
        ...

    def passage_ids(self, document_id: str | None = None) -> list[str]:
        """Ids of a document's passages, or of all, in the order in which they were added."""
        ...

    def languages(self) -> dict[str, int]:
        """Number of passages in each language."""
        ...

    def matching(self, words: str, k: int) -> list[tuple[str, float]]:
        """The k passages that match the words best as (id, BM25 score), best first."""
        ...

    def indexed_ids(self) -> set[str]:
        """The passages whose words are in the index; "number N" for one that is in no document."""
        ...

    def index_words(self) -> None:
        """Make words and counts of languages anew if they do not fit the documents, or another version made them."""
        ...

    def replace(self, replaced: Iterable[str], document: Document, passages: Sequence[Passage]) -> None:
        """In one transaction, delete the documents with the ids in `replaced` and add this one."""
        ...

    def remove(self, ids: Iterable[str]) -> None:
        """In one transaction, delete documents and their passages; unknown ids are ignored."""
        ...

    def passages_without_times(self) -> list[Passage]:
        """The passages of a library from before times were kept."""
        ...

    def set_times(self, passages: Sequence[Passage]) -> None:
        """In one transaction, store the times of passages that are there."""
        ...

    @property
    def revision(self) -> int:
        """Grows with every change."""
        ...

    @property
    def clean_shutdown(self) -> bool:
        """False from the first write until the library is closed: what Chroma then holds cannot be relied on."""
        ...

    @clean_shutdown.setter
    def clean_shutdown(self, value: bool) -> None: ...

    @property
    def lost_power(self) -> bool:
        """Whether the machine was started anew before the library was closed, so that unsynced files may be damaged."""
        ...

    @property
    def library_id(self) -> str:
        """What tells this library from every other."""
        ...

    def tell_from_copies(self) -> None:
        """Give the library another id if it is a copy of the one that has it: two would share their vectors."""
        ...

    @property
    def generation(self) -> int:
        """The number of the last name that a collection of the vectors got."""
        ...

    @property
    def collection(self) -> str:
        """The collection that holds the vectors of these documents."""
        ...

    @property
    def next_collection(self) -> str:
        """The name of the collection that the vectors are copied into next."""
        ...

    def switch_collection(self) -> None:
        """In one transaction, make `next_collection` the one that holds the vectors."""
        ...

    def reserve_collection(self) -> str:
        """The name for a copy of the vectors elsewhere: the last one, if that copy was broken off."""
        ...

    def use_reserved_collection(self) -> None:
        """Make the reserved collection the one that holds the vectors."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


class VectorStore(Protocol):
    """Vectors of passages, made by one encoder, which the store records.

    `VectorIndex` keeps them in Chroma, `QdrantVectors` in Qdrant. Where a server holds them, every method raises
    StoreServerError if it does not answer.
    """

    def add(self, passages: Sequence[tuple[str, str, str]], vectors: Vectors) -> None:
        """Store vectors[i] for passages[i] = (passage id, document id, language), in place of what it had."""
        ...

    def delete(self, ids: Iterable[str]) -> None:
        """Delete the vectors of passages; unknown ids are ignored."""
        ...

    def search(self, vector: Vectors, k: int, where: Mapping[str, Any] | None = None) -> list[tuple[str, float]]:
        """The k passages nearest to a unit vector as (id, cosine), best first.

        `where` takes those with {field: value}, or without {field: {"$nin": values}}; a field is "document" or
        "language".
        """
        ...

    def read(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The stored vectors by passage id; passages without a vector are left out."""
        ...

    def sample_baseline(self, size: int) -> ScoreBaseline:
        """A baseline of up to `size` of the stored vectors."""
        ...

    def ids(self) -> set[str]:
        """Every stored passage id."""
        ...

    def __len__(self) -> int:
        """Number of stored vectors."""
        ...

    def drop_others(self, is_leftover: Callable[[str], bool]) -> None:
        """Delete the engine's other collections whose names are leftovers."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


class TokenStore(Protocol):
    """Vectors of passages' tokens, (tokens, width) with unit rows, for late interaction.

    `TokenVectorStore` keeps them in a file, `QdrantTokenVectors` in Qdrant. Stored vectors lose some precision.
    """

    def add(self, rows: Mapping[str, Vectors]) -> None:
        """Store the token vectors of passages by id, in place of what they had."""
        ...

    def delete(self, ids: Iterable[str]) -> None:
        """Delete passages; unknown ids are ignored."""
        ...

    def read(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The token vectors of passages; unknown ids are left out."""
        ...

    def max_similarities(self, query: Vectors, ids: Sequence[str]) -> dict[str, float]:
        """`max_similarities` of a query's token vectors with those of passages; unknown ids are left out."""
        ...

    def ids(self) -> set[str]:
        """Every stored passage id."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...

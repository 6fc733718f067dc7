"""What search needs of a store, and a store of its engines, whichever they are.

`tests/retriever/store/test_ports.py` runs the same tests over every engine.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from retriever.store.baseline import ScoreBaseline
from retriever.types import Passage, Vectors


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


class VectorStore(Protocol):
    """Vectors of passages, made by one encoder, which the store records.

    `VectorIndex` keeps them in Chroma, `QdrantVectors` in Qdrant. Where a server holds them, every method raises
    VectorServerError if it does not answer.
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

"""What search needs of a store, whichever engine is behind it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

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

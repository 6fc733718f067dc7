"""The protocols of encoders. `Encoder` implements them; so do encoders of tests and benchmarks."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from retriever.types import Vectors


class QueryEncoder(Protocol):
    """Embeds queries."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries, shape (len(texts), dimensions)."""
        ...


class PassageEncoder(Protocol):
    """Embeds passages."""

    @property
    def name(self) -> str:
        """The model, as settings name it."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of passages, shape (len(texts), dimensions)."""
        ...

    def encode_passage_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """`encode_passages`, and for each text the unit vectors of its tokens, shape (tokens, width)."""
        ...


@runtime_checkable  # pydantic checks the retriever's field
class TextEncoder(QueryEncoder, PassageEncoder, Protocol):
    """Embeds queries and passages into one space."""

    def encode_query(self, text: str, language: str, *, with_tokens: bool = True) -> tuple[Vectors, Vectors | None]:
        """The unit vector of a query in a language, shape (dimensions,), and those of its tokens, (tokens, width).

        The second is None if the model makes no token vectors or they are not asked for.
        """
        ...

"""From passages to vectors in the indexes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from retriever.models.protocols import PassageEncoder
from retriever.store.ports import TokenStore, VectorStore
from retriever.store.token_vectors import pool_tokens
from retriever.types import Passage, Vectors

EMBED_BATCH = 256
"""Passages embedded and written at a time."""


@dataclass(frozen=True, slots=True)
class EmbeddedPassages:
    """Passages, their vectors (passages, dimensions), and those of each one's tokens (tokens, width), if they are kept.

    The tokens are those of the text until `pool` has been there.
    """

    passages: Sequence[Passage]
    vectors: Vectors
    tokens: Sequence[Vectors] | None

    def __getitem__(self, rows: slice) -> "EmbeddedPassages":
        """Some of them."""
        tokens = None if self.tokens is None else self.tokens[rows]
        return EmbeddedPassages(self.passages[rows], self.vectors[rows], tokens)


def embed_passages(
    encoder: PassageEncoder,
    passages: Sequence[Passage],
    vectors: VectorStore,
    tokens: TokenStore | None,
    embedded: Iterable[EmbeddedPassages] | None = None,
) -> None:
    """Write the vectors of passages, and those of their tokens if `tokens` keeps any.

    `embedded` are the passages, part by part, if they have been embedded and pooled already.
    """
    if embedded is None:
        batches = (passages[start : start + EMBED_BATCH] for start in range(0, len(passages), EMBED_BATCH))
        embedded = (pool(embed(encoder, batch, with_tokens=tokens is not None)) for batch in batches)
    for part in embedded:
        if tokens is not None:
            _write_tokens(part, tokens)
        vectors.add(vector_rows(part.passages), part.vectors)


def embed(encoder: PassageEncoder, passages: Sequence[Passage], *, with_tokens: bool) -> EmbeddedPassages:
    """The vectors of passages, and of their tokens if they are wanted."""
    texts = [passage.embedded_text for passage in passages]
    if with_tokens:
        return EmbeddedPassages(passages, *encoder.encode_passage_tokens(texts))
    return EmbeddedPassages(passages, encoder.encode_passages(texts), None)


def pool(embedded: EmbeddedPassages) -> EmbeddedPassages:
    """The same with the vectors of tokens pooled, as they are stored."""
    if embedded.tokens is None:
        return embedded
    return replace(embedded, tokens=[pool_tokens(each) for each in embedded.tokens])


def embed_tokens(encoder: PassageEncoder, passages: Sequence[Passage], tokens: TokenStore) -> None:
    """Write the pooled vectors of passages' tokens."""
    _write_tokens(pool(embed(encoder, passages, with_tokens=True)), tokens)


def _write_tokens(pooled: EmbeddedPassages, tokens: TokenStore) -> None:
    rows = zip(pooled.passages, pooled.tokens or (), strict=True)
    tokens.add({passage.id: vectors for passage, vectors in rows})


def vector_rows(passages: Sequence[Passage]) -> list[tuple[str, str, str]]:
    """(passage id, document id, language) of each passage, as the vector index stores it."""
    return [(passage.id, passage.document_id, passage.language) for passage in passages]

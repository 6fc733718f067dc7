"""From passages to vectors in the indexes."""

from collections.abc import Sequence

from retriever.models.protocols import PassageEncoder
from retriever.store.ports import TokenStore, VectorStore
from retriever.store.token_vectors import pool_tokens
from retriever.types import Passage, Vectors

EMBED_BATCH = 256
"""Passages embedded and written at a time."""


def embed_passages(
    encoder: PassageEncoder, passages: Sequence[Passage], vectors: VectorStore, tokens: TokenStore | None
) -> None:
    """Write the vectors of passages, and those of their tokens if `tokens` keeps any."""
    for start in range(0, len(passages), EMBED_BATCH):
        batch = passages[start : start + EMBED_BATCH]
        if tokens is None:
            vectors.add(vector_rows(batch), encoder.encode_passages([p.embedded_text for p in batch]))
        else:
            vectors.add(vector_rows(batch), embed_tokens(encoder, batch, tokens))


def embed_tokens(encoder: PassageEncoder, passages: Sequence[Passage], tokens: TokenStore) -> Vectors:
    """Write the pooled vectors of passages' tokens; return those of the passages, (passages, dimensions)."""
    vectors, token_vectors = encoder.encode_passage_tokens([passage.embedded_text for passage in passages])
    tokens.add({passage.id: pool_tokens(each) for passage, each in zip(passages, token_vectors, strict=True)})
    return vectors


def vector_rows(passages: Sequence[Passage]) -> list[tuple[str, str, str]]:
    """(passage id, document id, language) of each passage, as the vector index stores it."""
    return [(passage.id, passage.document_id, passage.language) for passage in passages]

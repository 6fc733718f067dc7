"""Making the indexes fit the documents again: after a kill, or where files were deleted."""

from collections.abc import Callable, Sequence

import numpy as np
from tqdm import tqdm

from retriever.models.protocols import PassageEncoder
from retriever.store.embedding import EMBED_BATCH, embed_passages, embed_tokens, vector_rows
from retriever.store.ports import DocumentStore, TokenStore, VectorStore
from retriever.types import Passage

OpenVectors = Callable[[str], VectorStore]
"""Opens an empty vector index by the name of its collection."""


def recover_vectors(
    documents: DocumentStore,
    vectors: VectorStore,
    tokens: TokenStore | None,
    encoder: PassageEncoder,
    open_empty: OpenVectors,
) -> VectorStore:
    """A new copy of a vector index, in a new collection; the old one is closed.

    What Chroma holds after a kill is only read, never built upon: the vectors of the stored passages are copied into a
    new collection, those that cannot be read are made anew, and one transaction switches over.
    """
    documents.clean_shutdown = False
    fresh = open_empty(documents.next_collection)
    try:
        _copy_vectors(documents.all_passages(), vectors, fresh, tokens, encoder)
        documents.switch_collection()
    except BaseException:
        fresh.close()
        raise
    vectors.close()
    return fresh


def _copy_vectors(
    passages: Sequence[Passage],
    vectors: VectorStore,
    fresh: VectorStore,
    tokens: TokenStore | None,
    encoder: PassageEncoder,
) -> None:
    for start in range(0, len(passages), EMBED_BATCH):
        batch = passages[start : start + EMBED_BATCH]
        readable = vectors.read([passage.id for passage in batch])
        embed_passages(encoder, [passage for passage in batch if passage.id not in readable], fresh, tokens)
        copied = [passage for passage in batch if passage.id in readable]
        if copied:
            fresh.add(vector_rows(copied), np.stack([readable[passage.id] for passage in copied]))


def recover_token_vectors(documents: DocumentStore, tokens: TokenStore, encoder: PassageEncoder) -> None:
    """Make token vectors for the passages that have none, and delete those of passages that are gone."""
    wanted, stored = set(documents.passage_ids()), tokens.ids()
    tokens.delete(stored - wanted)
    if missing := sorted(wanted - stored):
        for start in tqdm(range(0, len(missing), EMBED_BATCH), desc="Embedding tokens", disable=None):
            batch = documents.passages(missing[start : start + EMBED_BATCH])
            embed_tokens(encoder, list(batch.values()), tokens)

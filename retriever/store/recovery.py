"""Making the indexes fit the documents again: after a kill, or where files were deleted."""

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from retriever.models.protocols import PassageEncoder
from retriever.store.documents import DocumentStore
from retriever.store.embedding import EMBED_BATCH, embed_passages, embed_tokens, vector_rows
from retriever.store.token_vectors import TokenVectorStore
from retriever.store.vectors import VectorIndex

OpenVectors = Callable[[int], VectorIndex]
"""Opens the empty vector index of a generation."""


def recover_vectors(
    documents: DocumentStore,
    vectors: VectorIndex,
    tokens: TokenVectorStore | None,
    encoder: PassageEncoder,
    open_empty: OpenVectors,
) -> VectorIndex:
    """The vector index to use: the one given if it was closed cleanly and is complete, else a new copy.

    What Chroma holds after a kill is only read, never built upon: the vectors of the stored passages are copied into a
    new collection, those that cannot be read are made anew, and one transaction switches over.
    """
    count = len(documents.passage_ids())
    if documents.clean_shutdown and len(vectors) == count:
        return vectors
    documents.clean_shutdown = False
    generation = documents.generation + 1
    fresh = open_empty(generation)
    passages = documents.all_passages()
    for start in range(0, count, EMBED_BATCH):
        batch = passages[start : start + EMBED_BATCH]
        readable = vectors.read([passage.id for passage in batch])
        embed_passages(encoder, [passage for passage in batch if passage.id not in readable], fresh, tokens)
        copied = [passage for passage in batch if passage.id in readable]
        if copied:
            fresh.add(vector_rows(copied), np.stack([readable[passage.id] for passage in copied]))
    documents.generation = generation
    vectors.drop()
    return fresh


def recover_token_vectors(documents: DocumentStore, tokens: TokenVectorStore, encoder: PassageEncoder) -> None:
    """Make token vectors for the passages that have none, and delete those of passages that are gone."""
    wanted, stored = set(documents.passage_ids()), tokens.ids()
    tokens.delete(stored - wanted)
    if missing := sorted(wanted - stored):
        for start in tqdm(range(0, len(missing), EMBED_BATCH), desc="Embedding tokens", disable=None):
            batch = documents.passages(missing[start : start + EMBED_BATCH])
            embed_tokens(encoder, list(batch.values()), tokens)

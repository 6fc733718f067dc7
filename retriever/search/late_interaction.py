"""Late interaction: each token of a query against its nearest token of a passage, with the encoder's own vectors.

ColBERT's MaxSim (Khattab and Zaharia, arXiv 2004.12832) without ColBERT: an encoder trained to make one vector of a
text has token vectors that rank the right passage first more often than their mean does
(`python -m benchmarks.retrieval`).
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from threadpoolctl import ThreadpoolController

from retriever.models.backends.tokens import missing_token_vectors
from retriever.types import Passage, Query, Vectors


def max_similarities(query: Vectors, passages: Sequence[Vectors]) -> list[float]:
    """MaxSim of each passage: the mean over the query's tokens of their greatest cosine to one of its tokens.

    All arrays are (tokens, width) with unit rows, and have at least one row.
    """
    if not passages:
        return []
    starts = np.cumsum([0, *(len(passage) for passage in passages[:-1])])
    with _threads().limit(limits=1, user_api="blas"):  # more would spin, and take the cores from the encoder's
        cosines = query @ np.concatenate(passages).T
    return [float(score) for score in np.maximum.reduceat(cosines, starts, axis=1).mean(axis=0)]


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


class LateInteraction:
    """A Reranker by MaxSim; `read` gives the stored token vectors of passages by id."""

    depth = 30
    needs_token_vectors = True

    def __init__(self, read: Callable[[Sequence[str]], Mapping[str, Vectors]]) -> None:
        self._read = read

    def scores(self, query: Query, passages: Sequence[Passage]) -> list[float]:
        """See Reranker. Raises IsthmusError if the query has no token vectors."""
        if query.tokens is None:
            raise missing_token_vectors()
        stored = self._read([passage.id for passage in passages])
        removed = np.zeros_like(query.tokens[:1])  # a passage that was removed a moment ago scores 0
        return max_similarities(query.tokens, [stored.get(passage.id, removed) for passage in passages])

"""MaxSim of a query's tokens and passages' tokens."""

import functools
from collections.abc import Sequence

import numpy as np
from threadpoolctl import ThreadpoolController

from retriever.types import Vectors


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

"""Vectors of unit length."""

import numpy as np

from retriever.types import Vectors


def normalize(rows: Vectors) -> Vectors:
    """Scale vectors, along the last axis, to length 1.

    >>> normalize(np.float32([[0, 2], [-3, 0]])).tolist()
    [[0.0, 1.0], [-1.0, 0.0]]
    """
    scaled: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-9))
    return scaled

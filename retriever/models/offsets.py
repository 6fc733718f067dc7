"""Language offsets: how far, on average, an encoder puts a language's queries from their English originals.

To subtract the offset from a query aligns the language with English without training (SHIFT, arXiv 2606.18801). The
offsets lie in the model's folder; the encoder subtracts them if they are there.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from retriever.models.normalization import normalize
from retriever.types import Vectors

OFFSETS_FILE = "offsets.safetensors"


def mean_offset(queries: Vectors, english: Vectors) -> Vectors:
    """The mean vector of queries minus the mean of their English originals; both are unit vectors, (n, dimensions).

    >>> mean_offset(np.float32([[1, 0], [0, 1]]), np.float32([[1, 0], [1, 0]])).tolist()
    [-0.5, 0.5]
    """
    offset: Vectors = (queries.mean(axis=0) - english.mean(axis=0)).astype(np.float32)
    return offset


def without_offset(query: Vectors, offset: Vectors) -> Vectors:
    """A query's vector minus the offset, scaled to unit length."""
    return normalize(query - offset)


def save_offsets(offsets: Mapping[str, Vectors], folder: Path) -> None:
    """Write the offsets, by language, into a model folder."""
    save_file(dict(offsets), folder / OFFSETS_FILE)


def load_offsets(folder: Path) -> dict[str, Vectors]:
    """The offsets, by language, of a model folder; none if it has no such file."""
    file = folder / OFFSETS_FILE
    return load_file(file) if file.is_file() else {}

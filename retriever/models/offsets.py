"""A language's offset: how far an encoder puts its queries, on average, from their English originals.

Removed from a query it brings the languages onto English without training (SHIFT, arXiv 2606.18801). The offsets lie
beside the model, and the encoder that finds them there removes them.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from retriever.models.backends.tokens import normalize
from retriever.types import Vectors

OFFSETS_FILE = "offsets.safetensors"


def mean_offset(queries: Vectors, english: Vectors) -> Vectors:
    """Mean of unit vectors of queries less that of their English originals, both (n, dimensions)."""
    offset: Vectors = (queries.mean(axis=0) - english.mean(axis=0)).astype(np.float32)
    return offset


def without_offset(query: Vectors, offset: Vectors) -> Vectors:
    """A query's unit vector with the offset taken off, of unit length again."""
    return normalize(query - offset)


def save_offsets(offsets: Mapping[str, Vectors], folder: Path) -> None:
    """Write the offsets of languages beside a model."""
    save_file(dict(offsets), folder / OFFSETS_FILE)


def load_offsets(folder: Path) -> dict[str, Vectors]:
    """The offsets of languages beside a model; none if there is no such file."""
    file = folder / OFFSETS_FILE
    return load_file(file) if file.is_file() else {}

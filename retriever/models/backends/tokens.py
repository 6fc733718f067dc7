"""Which of a network's token vectors are the text's own."""

from collections.abc import Sequence

import numpy as np

from retriever.errors import IsthmusError
from retriever.types import Vectors


def content_tokens(rows: Vectors, special: Sequence[int], prompt_tokens: int) -> Vectors:
    """The rows of a (tokens, width) array that are neither special (1 in `special`) nor of the prompt, which is first.

    All of them if none is left, as of an empty text.
    """
    own = np.flatnonzero(np.asarray(special) == 0)[prompt_tokens:]
    return rows[own] if len(own) else rows


def normalize(rows: Vectors) -> Vectors:
    """Vectors scaled to length 1, along the last axis."""
    scaled: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-9))
    return scaled


def missing_token_vectors() -> IsthmusError:
    """For a model without token vectors."""
    return IsthmusError("The encoder gives no vectors of tokens, which re-ranking by them wants; set rerank to off.")

"""Token vectors: which of them belong to the text itself."""

from collections.abc import Sequence

import numpy as np

from retriever.errors import IsthmusError
from retriever.types import Vectors


def content_tokens(rows: Vectors, special: Sequence[int], prompt_tokens: int) -> Vectors:
    """The rows of a (tokens, width) array that belong to the text: no special tokens, no prompt.

    `special` has a 1 for each special token. The prompt is the first `prompt_tokens` of the others. If no row is left,
    as for an empty text, all rows are returned.

    >>> content_tokens(np.float32([[0], [1], [2], [3]]), [1, 0, 0, 1], prompt_tokens=1).tolist()
    [[2.0]]
    """
    content = np.flatnonzero(np.asarray(special) == 0)[prompt_tokens:]
    return rows[content] if len(content) else rows


def with_content(texts: Sequence[str], prompt: str) -> list[str]:
    """The texts, with a space for an empty one without a prompt: some tokenizers make no token of nothing.

    >>> with_content(["Isthmus", ""], prompt="")
    ['Isthmus', ' ']
    """
    return list(texts) if prompt else [text or " " for text in texts]


def join_tokens(*texts: Vectors) -> Vectors:
    """The token vectors of several texts in one array, (tokens, width), in which each text weighs about alike.

    A text is repeated until it has about as many rows as the longest.

    >>> join_tokens(np.float32([[0], [1], [2], [3]]), np.float32([[9]]))[:, 0].tolist()
    [0.0, 1.0, 2.0, 3.0, 9.0, 9.0, 9.0, 9.0]
    """
    longest = max(map(len, texts))
    return np.concatenate([np.tile(tokens, (max(1, round(longest / len(tokens))), 1)) for tokens in texts])


def missing_token_vectors() -> IsthmusError:
    """The error for a model that makes no token vectors."""
    return IsthmusError("The encoder gives no vectors of tokens, which re-ranking by them wants; set rerank to off.")

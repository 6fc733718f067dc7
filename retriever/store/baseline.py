"""What an ordinary passage scores: the yardstick for a good one.

Cosines of one encoder differ by the languages of query and passage: passages in the query's own language score
higher whatever they say. Measured against ordinary passages of the same language, hits compare fairly.
"""

from dataclasses import dataclass

import numpy as np

from retriever.types import Vectors

MIN_PASSAGES = 20
"""Fewer passages than this do not tell what an ordinary one scores."""


@dataclass(frozen=True, slots=True)
class ScoreBaseline:
    """Vectors of some of the library's passages, shape (n, dimensions), and the language of each."""

    vectors: Vectors
    languages: tuple[str, ...]

    def mean_std(self, query: Vectors, language: str) -> tuple[float, float] | None:
        """Mean and standard deviation of the cosine of a query's unit vector with passages in a language.

        With too few passages in that language, of all passages; None with too few in all.
        """
        if len(self.vectors) < MIN_PASSAGES:
            return None
        in_language = np.array([known == language for known in self.languages])
        scores = (self.vectors[in_language] if in_language.sum() >= MIN_PASSAGES else self.vectors) @ query
        return float(scores.mean()), max(float(scores.std()), 1e-6)

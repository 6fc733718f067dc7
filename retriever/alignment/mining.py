"""Hard negatives, found by the encoder itself."""

import random
from collections.abc import Sequence

import numpy as np

from retriever.types import Vectors

RANKS = (50, 100)
"""Where CLEAR takes its negatives from: hard, not the hardest (those are often right answers nobody marked)."""
MARGIN = 0.95
"""A candidate that scores above this share of the positive's score is taken for an unmarked positive."""


def mine_negatives(
    anchors: Vectors,
    candidates: Vectors,
    positives: Sequence[int],
    forbidden: Sequence[set[int]],
    *,
    count: int,
    rng: random.Random,
    ranks: tuple[int, int] = RANKS,
) -> list[list[int]]:
    """For each anchor `count` candidates, by number, drawn from the given ranks of its ranking.

    `positives` names each anchor's positive, `forbidden` all its right candidates. In a pool too small for the ranks,
    the second half of the ranking stands in. Raises ValueError if there are fewer candidates than needed.
    """
    scores = anchors @ candidates.T
    order = np.argsort(-scores, axis=1, kind="stable")
    found = []
    for row, (ranking, positive, right) in enumerate(zip(order, positives, forbidden, strict=True)):
        limit = MARGIN * scores[row, positive] if scores[row, positive] > 0 else np.inf
        wrong = [int(c) for c in ranking if int(c) not in right]
        if len(wrong) < count:
            raise ValueError(f"{len(wrong)} candidates are too few for {count} negatives.")
        window = wrong[ranks[0] : ranks[1]] if len(wrong) >= ranks[1] else wrong[len(wrong) // 2 :]
        window = [c for c in window if scores[row, c] <= limit] or window
        if len(window) < count:
            window = wrong[-count:]
        found.append(rng.sample(window, count))
    return found

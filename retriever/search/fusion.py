"""Reciprocal rank fusion."""

from collections.abc import Sequence

RANK_CONSTANT = 60
"""The k of Cormack, Clarke and Buettcher (SIGIR 2009): damps the lead of the first ranks."""


def reciprocal_rank_fusion(
    runs: Sequence[Sequence[str]], weights: Sequence[float], rank_constant: int = RANK_CONSTANT
) -> dict[str, float]:
    """Fuse rankings of ids into one score an id: the sum over runs of weight / (rank_constant + rank).

    Ranks start at 1. Returned in descending order of score; ties keep the order in which ids were seen.
    Raises ValueError if there are not as many weights as runs.
    """
    if len(runs) != len(weights):
        raise ValueError(f"{len(runs)} runs need {len(runs)} weights, got {len(weights)}")
    scores: dict[str, float] = {}
    for run, weight in zip(runs, weights, strict=True):
        for rank, item in enumerate(run, start=1):
            scores[item] = scores.get(item, 0.0) + weight / (rank_constant + rank)
    return dict(sorted(scores.items(), key=lambda pair: -pair[1]))

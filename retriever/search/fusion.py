"""One score of a passage out of nearness, words and time."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

LEXICAL_WEIGHT = 0.5
"""What the best match by words adds, in standard deviations of the nearest passages' scores: the middle of a plateau,
.25 to 1, on XQuAD's training articles and AfriQA's development files (docs/decisions.md)."""
LEAST_SPREAD = 1e-6
"""The unit where the nearest passages are all alike: words and time part them, and nothing more."""
TIME_WEIGHT = 0.3
"""What a time that matches adds, in the same unit. It parts passages that are otherwise alike
(`python -m benchmarks.time_mode`)."""


def fuse_scores(
    nearness: Mapping[str, float], lexical: Sequence[Mapping[str, float]] = (), timely: Collection[str] = ()
) -> dict[str, float]:
    """The scores of all passages, best first: nearness + spread · (LEXICAL_WEIGHT · b + TIME_WEIGHT if timely).

    `nearness` has the scores of the nearest passages, `lexical` BM25's of each version of the query; b is a passage's
    greatest share of a version's best score. `spread` is the standard deviation of `nearness`, at least LEAST_SPREAD:
    among a handful of passages words part near ties alone. A passage that words alone found has the least nearness.
    Scores that are added keep how sure each ranking is, and beat reciprocal ranks (Bruch et al., arXiv 2210.11934).

    >>> fuse_scores({"a": 1.0, "b": 0.5}, [{"b": 6.0, "c": 3.0}])
    {'a': 1.0, 'b': 0.625, 'c': 0.5625}
    """
    values = list(nearness.values())
    spread = max(float(np.std(values)) if values else 0.0, LEAST_SPREAD)
    least = min(values, default=0.0)
    matches: dict[str, float] = {}
    for run in lexical:
        best = max(run.values(), default=0.0)
        for id_, score in run.items():
            matches[id_] = max(matches.get(id_, 0.0), score / best if best > 0 else 0.0)
    scores = {
        id_: nearness.get(id_, least)
        + spread * (LEXICAL_WEIGHT * matches.get(id_, 0.0) + TIME_WEIGHT * (id_ in timely))
        for id_ in dict.fromkeys([*nearness, *matches])
    }
    return dict(sorted(scores.items(), key=lambda item: -item[1]))

"""From qrels and runs to figures: per query, per language, across languages, and between two systems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ir_measures
import numpy as np
from ir_measures import RR, R, Success, nDCG
from scipy import stats

from retriever.evaluation.tasks import Qrels, Task
from retriever.types import Vectors

Run = dict[str, dict[str, float]]
MEASURES = {
    "R@1": R @ 1, "R@5": R @ 5, "R@10": R @ 10, "MRR@10": RR @ 10, "nDCG@10": nDCG @ 10,
    "success@1": Success @ 1, "success@3": Success @ 3, "success@10": Success @ 10,
}  # fmt: skip
RESAMPLES = 10_000


def per_query(qrels: Qrels, run: Run) -> dict[str, dict[str, float]]:
    """Each measure of each judged query, by ir-measures; a query without hits counts 0."""
    values = {name: dict.fromkeys(qrels, 0.0) for name in MEASURES}
    names = {measure: name for name, measure in MEASURES.items()}
    for metric in ir_measures.iter_calc(list(MEASURES.values()), qrels, run):
        values[names[metric.measure]][metric.query_id] = float(metric.value)
    return values


@dataclass(frozen=True, slots=True)
class Fairness:
    """How evenly a system serves languages (survey, arXiv 2510.00908).

    `spread` is best less worst; `to_english` the mean of the other languages over English, None without English;
    `kruskal_p` the p-value of equal ranks over languages (PEER, arXiv 2405.00978), None for a single one.
    """

    mean: float
    worst: float
    worst_language: str
    spread: float
    to_english: float | None
    kruskal_p: float | None


def fairness(by_language: Mapping[str, Sequence[float]]) -> Fairness:
    """From the per-query values of one measure in each language."""
    means = {language: float(np.mean(values)) for language, values in by_language.items()}
    worst = min(means, key=lambda language: means[language])
    others = [mean for language, mean in means.items() if language != "en"]
    english = means.get("en")
    varied = len({value for values in by_language.values() for value in values}) > 1
    p = float(stats.kruskal(*by_language.values()).pvalue) if len(means) > 1 and varied else None
    ratio = float(np.mean(others)) / english if others and english else None
    return Fairness(
        float(np.mean(list(means.values()))), means[worst], worst, max(means.values()) - means[worst], ratio, p
    )


def confidence(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """95 % confidence interval of the mean, by bootstrap."""
    if len(set(values)) < 2:
        return values[0], values[0]
    interval = stats.bootstrap(
        (np.asarray(values),), np.mean, n_resamples=2000, method="percentile", rng=seed, vectorized=True
    ).confidence_interval
    return float(interval.low), float(interval.high)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Mean difference of two systems on the same queries, its 95 % interval, and the p-value of no difference."""

    difference: float
    low: float
    high: float
    p: float


def compare(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Comparison:
    """Paired randomisation test (two-sided; signs flipped at random) and bootstrap interval of the difference.

    Of a single query p is 1: it shows nothing.
    """
    differences = np.asarray(ours) - np.asarray(theirs)
    low, high = confidence([float(d) for d in differences], seed)
    if len(differences) < 2 or not differences.any():
        return Comparison(float(differences.mean()), low, high, 1.0)
    test = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=RESAMPLES, vectorized=True, rng=seed
    )
    return Comparison(float(differences.mean()), low, high, float(test.pvalue))


@dataclass(frozen=True, slots=True)
class Preference:
    """Does a system prefer the query's language where the same passage exists in several?

    After MLAIRE (arXiv 2605.07249), whose formulas were not found, so these are ours. `top_share`: share of first hits
    in the query's language (1 / number of languages if it has no preference). `lpr`: share of queries whose own
    version of the right passage outranks all its parallels. `lang_ndcg`: nDCG@10 with gain for that version alone.
    """

    top_share: float
    lpr: float
    lang_ndcg: float


def preference(task: Task, run: Run) -> Preference:
    """Of a task with a mixed pool. Raises ValueError if its passages have no versions."""
    if task.versions is None:
        raise ValueError(f"The pool {task.pool!r} does not hold passages in several versions.")
    own = {
        query: {id_: 1 for id_ in rows if task.passages[id_].language == task.queries[query].language}
        for query, rows in task.qrels.items()
    }
    first, ahead = [], []
    for query, right in own.items():
        ranked = sorted(run.get(query, {}).items(), key=lambda hit: -hit[1])
        first.append(bool(ranked) and task.passages[ranked[0][0]].language == task.queries[query].language)
        versions = [id_ for id_, _ in ranked if id_ in task.qrels[query]]
        ahead.append(bool(versions) and versions[0] in right)
    gain = np.mean(list(per_query(own, run)["nDCG@10"].values()))
    return Preference(float(np.mean(first)), float(np.mean(ahead)), float(gain))


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well two languages lie on each other in an encoder's space.

    `back_retrieval`: share of texts whose nearest English text has them for its nearest text in turn, and is their
    translation. `anchoring_error`: mean Euclidean distance of a text to its translation (LiRA's epsilon 1).
    """

    back_retrieval: float
    anchoring_error: float


def alignment(texts: Vectors, english: Vectors) -> Alignment:
    """Of parallel unit vectors, both (n, d)."""
    scores: np.ndarray[Any, Any] = texts @ english.T
    there, back = scores.argmax(axis=1), scores.argmax(axis=0)
    own = np.arange(len(texts))
    both = (there == own) & (back == own)
    return Alignment(float(both.mean()), float(np.linalg.norm(texts - english, axis=1).mean()))

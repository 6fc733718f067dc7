"""Retrieval metrics from relevance judgements (qrels) and runs: per query, across languages, between two systems."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ir_measures
import numpy as np
from ir_measures import RR, R, Success, nDCG
from numpy.typing import NDArray
from scipy import stats

from retriever.evaluation.tasks import Qrels, Task
from retriever.types import Vectors

FloatArray = NDArray[np.float64]
Run = dict[str, dict[str, float]]
"""Scores by query id and passage id."""
MEASURES = {
    "R@1": R @ 1, "R@5": R @ 5, "R@10": R @ 10, "MRR@10": RR @ 10, "nDCG@10": nDCG @ 10,
    "success@1": Success @ 1, "success@3": Success @ 3, "success@10": Success @ 10,
}  # fmt: skip
RESAMPLES = 10_000
"""Random sign flips of the paired test; up to 13 questions all flips are counted."""


def per_query(qrels: Qrels, run: Run) -> dict[str, dict[str, float]]:
    """Values by measure and judged query, computed by ir-measures; a query without hits scores 0."""
    values = {name: dict.fromkeys(qrels, 0.0) for name in MEASURES}
    names = {measure: name for name, measure in MEASURES.items()}
    for metric in ir_measures.iter_calc(list(MEASURES.values()), qrels, run):
        values[names[metric.measure]][metric.query_id] = float(metric.value)
    return values


@dataclass(frozen=True, slots=True)
class Fairness:
    """How evenly a system serves languages (measures as in the survey, arXiv 2510.00908).

    `mean` is the mean over languages and `worst` the lowest language's value. `spread` is the best language minus the
    worst. `to_english` is the mean of the other languages divided by English; None without English.
    `kruskal_p` is the p-value of a Kruskal-Wallis test over the languages' per-query values. Its null hypothesis: the
    values of all languages have equal mean ranks. It is None for one language or if all values are equal.
    """

    mean: float
    worst: float
    worst_language: str
    spread: float
    to_english: float | None
    kruskal_p: float | None


def fairness(by_language: Mapping[str, Sequence[float]]) -> Fairness:
    """Fairness over languages, from the per-query values of one measure in each language.

    >>> fair = fairness({"en": [1, 1, 1, 1], "ro": [1, 1, 0, 0], "th": [1, 0, 0, 0]})
    >>> fair.worst, fair.worst_language, fair.spread, fair.to_english
    (0.25, 'th', 0.75, 0.375)
    """
    means = {language: float(np.mean(values)) for language, values in by_language.items()}
    worst = min(means, key=lambda language: means[language])
    others = [mean for language, mean in means.items() if language != "en"]
    english = means.get("en")
    is_varied = len({value for values in by_language.values() for value in values}) > 1
    return Fairness(
        mean=float(np.mean(list(means.values()))),
        worst=means[worst],
        worst_language=worst,
        spread=max(means.values()) - means[worst],
        to_english=float(np.mean(others)) / english if others and english else None,
        kruskal_p=float(stats.kruskal(*by_language.values()).pvalue) if len(means) > 1 and is_varied else None,
    )


def confidence_interval(
    values: Sequence[float], questions: Sequence[Hashable] | None = None, seed: int = 0
) -> tuple[float, float]:
    """95 % confidence interval (low, high) of the mean, by percentile bootstrap with 2,000 resamples of questions.

    `questions` names the question of each value: the values of one, such as its translations, are not independent, so
    they are drawn together. Without it each value is of a question of its own.
    """
    sums, counts = _by_question(values, questions)
    if len(sums) < 2 or len(set(values)) < 2:
        mean = float(np.mean(values))
        return mean, mean
    interval = stats.bootstrap(
        (sums, counts),
        lambda drawn, sizes, axis: drawn.sum(axis=axis) / sizes.sum(axis=axis),
        paired=True,
        n_resamples=2000,
        method="percentile",
        rng=seed,
        vectorized=True,
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _by_question(values: Sequence[float], questions: Sequence[Hashable] | None) -> tuple[FloatArray, FloatArray]:
    """The sum and the number of each question's values."""
    if questions is None:
        return np.asarray(values, dtype=float), np.ones(len(values))
    numbers = {question: number for number, question in enumerate(dict.fromkeys(questions))}
    places = [numbers[question] for question in questions]
    return np.bincount(places, values).astype(float), np.bincount(places).astype(float)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on the same queries: the mean difference, its 95 % interval, and the p-value of no difference."""

    difference: float
    low: float
    high: float
    p: float


def compare(
    values: Sequence[float], baseline: Sequence[float], questions: Sequence[Hashable] | None = None, seed: int = 0
) -> Comparison:
    """Compare per-query values with a baseline's: two-sided paired randomisation test, which flips signs at random.

    `questions` is as in `confidence_interval`: the differences of one question are flipped together. A single question
    can show no difference, so its p is 1.

    >>> compare([1, 1, 1, 1, 1], [0, 0, 0, 0, 0])
    Comparison(difference=1.0, low=1.0, high=1.0, p=0.0625)
    >>> compare([1, 1, 1, 1, 1], [0, 0, 0, 0, 0], ["a", "a", "b", "b", "b"]).p
    0.5
    """
    differences = [float(difference) for difference in np.asarray(values) - np.asarray(baseline)]
    low, high = confidence_interval(differences, questions, seed)
    difference = float(np.mean(differences))
    sums, _ = _by_question(differences, questions)
    if len(sums) < 2 or not sums.any():
        return Comparison(difference, low, high, 1.0)
    test = stats.permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=RESAMPLES, vectorized=True, rng=seed
    )
    return Comparison(difference, low, high, float(test.pvalue))


@dataclass(frozen=True, slots=True)
class Preference:
    """Whether a system prefers the query's language where a passage exists in several.

    The idea is MLAIRE's (arXiv 2605.07249); its formulas were not found, so these are our own.
    `top_share`: share of queries whose first hit is in the query's language; without a preference it is 1 / number of
    languages. `lpr` (language preference rate): share of queries where the version of the right passage in the query's
    language ranks above all its other versions. `lang_ndcg`: nDCG@10 with only that version as relevant.
    """

    top_share: float
    lpr: float
    lang_ndcg: float


def preference(task: Task, run: Run) -> Preference:
    """Language preference in a task with a mixed pool. Raises ValueError if its passages have no versions."""
    if task.versions is None:
        raise ValueError(f"The pool {task.pool!r} does not hold passages in several versions.")
    same_language = {
        query: {id_: 1 for id_ in rows if task.passages[id_].language == task.queries[query].language}
        for query, rows in task.qrels.items()
    }
    top_matches, version_matches = [], []
    for query, relevant in same_language.items():
        ranking = sorted(run.get(query, {}).items(), key=lambda hit: -hit[1])
        top_matches.append(bool(ranking) and task.passages[ranking[0][0]].language == task.queries[query].language)
        versions = [id_ for id_, _ in ranking if id_ in task.qrels[query]]
        version_matches.append(bool(versions) and versions[0] in relevant)
    ndcg = list(per_query(same_language, run)["nDCG@10"].values())
    return Preference(
        top_share=float(np.mean(top_matches)), lpr=float(np.mean(version_matches)), lang_ndcg=float(np.mean(ndcg))
    )


def peer(task: Task, run: Run, cutoff: int) -> float:
    """PEER, the probability of equal expected rank (arXiv 2405.00978), of relevant passages; the mean over queries.

    Of each query it is the p-value of a Kruskal-Wallis test: the relevant passages of each language are a group, their
    ranks the values. Those that are not among the first `cutoff` hits share the last rank. It is 1 if none is among
    them, or all relevant passages are in one language. It needs several relevant passages in each language.
    """
    probabilities = []
    for query, relevant in task.qrels.items():
        hits = sorted(run.get(query, {}).items(), key=lambda hit: -hit[1])[:cutoff]
        ranks = {id_: rank for rank, (id_, _) in enumerate(hits)}
        groups: dict[str, list[int]] = {}
        for id_, relevance in relevant.items():
            if relevance > 0:
                groups.setdefault(task.passages[id_].language, []).append(ranks.get(id_, cutoff))
        is_varied = len({rank for group in groups.values() for rank in group}) > 1
        probabilities.append(float(stats.kruskal(*groups.values()).pvalue) if len(groups) > 1 and is_varied else 1.0)
    return float(np.mean(probabilities))


@dataclass(frozen=True, slots=True)
class Alignment:
    """How close an encoder puts the texts of a language to their English translations.

    `back_retrieval`: share of texts that are mutual nearest neighbours with their translation.
    `anchoring_error`: mean Euclidean distance of a text to its translation (LiRA's epsilon 1).
    """

    back_retrieval: float
    anchoring_error: float


def alignment(texts: Vectors, english: Vectors) -> Alignment:
    """Alignment of unit vectors, both (n, dimensions); row i of `english` is the translation of row i of `texts`."""
    scores: np.ndarray[Any, Any] = texts @ english.T
    nearest_english, nearest_text = scores.argmax(axis=1), scores.argmax(axis=0)
    rows = np.arange(len(texts))
    is_mutual = (nearest_english == rows) & (nearest_text == rows)
    return Alignment(float(is_mutual.mean()), float(np.linalg.norm(texts - english, axis=1).mean()))

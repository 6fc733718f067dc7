"""How far selectors of demonstrations agree with the in-language choice, which needs no language model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from retriever.models.protocols import QueryEncoder
from retriever.temporal.demonstrations import TemporalSplit
from retriever.temporal.questions import FactQuery, TaskName, TemporalQuestion
from retriever.temporal.selectors import SHOTS, Selector, SimilaritySelector, top_k
from retriever.types import Vectors


@dataclass(frozen=True, slots=True)
class Agreement:
    """A selector's choice beside the oracle's, without a language model.

    `overlap`: share of the oracle's k that it chose. `correlation`: Spearman's of its scores with the oracle's over the
    pool, mean of the questions whose scores differ. `same_relation` and `same_task`: share of the chosen that ask for
    the question's relation (None for L1), and that are of its task.
    """

    overlap: float
    correlation: float
    same_relation: float | None
    same_task: float


def agreement(
    asked: Sequence[TemporalQuestion],
    pool: Sequence[TemporalQuestion],
    scores: Vectors,
    oracle: Vectors,
    k: int = SHOTS,
) -> Agreement:
    """Of two arrays of scores of shape (asked, pool)."""
    ours, theirs = top_k(scores, k), top_k(oracle, k)
    overlap = [len(set(own) & set(other)) / k for own, other in zip(ours.tolist(), theirs.tolist(), strict=True)]
    told = [(own, other) for own, other in zip(scores, oracle, strict=True) if np.ptp(own)]
    correlations = [stats.spearmanr(own, other).statistic for own, other in told]
    pairs = [(question, pool[n]) for question, row in zip(asked, ours, strict=True) for n in row]
    relations = [
        isinstance(shown.content, FactQuery) and question.content.relation == shown.content.relation
        for question, shown in pairs
        if isinstance(question.content, FactQuery)
    ]
    return Agreement(
        float(np.mean(overlap)),
        float(np.mean(correlations)) if correlations else 0.0,
        float(np.mean(relations)) if relations else None,
        float(np.mean([question.task == shown.task for question, shown in pairs])),
    )


def compare_selectors(
    split: TemporalSplit, languages: Sequence[str], oracle: QueryEncoder, selectors: Sequence[Selector]
) -> Iterator[tuple[TaskName, str, str, Agreement]]:
    """(task, language, selector, agreement with the in-language choice by `oracle`); each task has its own pool."""
    for task in dict.fromkeys(question.task for question in split.asked):
        asked, pool = ([q for q in side if q.task == task] for side in (split.asked, split.pool))
        for language in languages:
            theirs = SimilaritySelector(oracle, "oracle", translated_pool=True).scores(asked, pool, language)
            for selector in selectors:
                yield (
                    task,
                    language,
                    selector.name,
                    agreement(asked, pool, selector.scores(asked, pool, language), theirs),
                )

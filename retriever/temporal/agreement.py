"""How well selectors of demonstrations agree with the in-language oracle; measured without a language model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from retriever.models.protocols import QueryEncoder
from retriever.temporal.demonstrations import TemporalSplit, share_answer_month
from retriever.temporal.questions import FactQuery, TaskName, TemporalQuestion
from retriever.temporal.selectors import SHOTS, Selector, SimilaritySelector, top_k
from retriever.types import Vectors


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a selector agrees with the oracle.

    `overlap` is the share of the oracle's k demonstrations that the selector also chose, in [0, 1]. `correlation` is
    Spearman's, of the selector's scores over the pool with the oracle's, in [-1, 1]: the mean over the questions whose
    scores differ, 0 if there is no such question. `same_relation` is the share of the chosen demonstrations that ask
    for the question's relation; None for L1, which has no relations. `same_task` is the share of them that are of the
    question's task. `same_month` is the share of them whose answer is in the month of the question's answer, which
    chance makes 1/12; None but for L1.
    """

    overlap: float
    correlation: float
    same_relation: float | None
    same_task: float
    same_month: float | None


class SelectorAgreement(NamedTuple):
    """One row of a comparison: a selector's agreement with the oracle on one task in one language."""

    task: TaskName
    language: str
    selector: str
    agreement: Agreement


def agreement(
    questions: Sequence[TemporalQuestion],
    pool: Sequence[TemporalQuestion],
    scores: Vectors,
    oracle_scores: Vectors,
    k: int = SHOTS,
) -> Agreement:
    """Compare a selector's scores with the oracle's; both have the shape (questions, pool).

    >>> from retriever.types import Month
    >>> relations = ("coach", "owner", "party")
    >>> pool = [TemporalQuestion(name, FactQuery(name, "Ajax", Month(1950, 3)), ()) for name in relations]
    >>> result = agreement(pool[:1], pool, np.array([[3, 2, 1]]), np.array([[3, 1, 2]]), k=2)
    >>> result.overlap, round(result.correlation, 2), result.same_relation, result.same_task
    (0.5, 0.5, 0.5, 1.0)
    """
    best, oracle_best = top_k(scores, k), top_k(oracle_scores, k)
    overlap = [
        len(set(row) & set(oracle_row)) / k for row, oracle_row in zip(best.tolist(), oracle_best.tolist(), strict=True)
    ]
    correlations = [
        stats.spearmanr(row, oracle_row).statistic
        for row, oracle_row in zip(scores, oracle_scores, strict=True)
        if np.ptp(row)
    ]
    pairs = [(question, pool[n]) for question, row in zip(questions, best, strict=True) for n in row]
    same_relation = [
        isinstance(demonstration.content, FactQuery) and question.content.relation == demonstration.content.relation
        for question, demonstration in pairs
        if isinstance(question.content, FactQuery)
    ]
    same_task = [question.task == demonstration.task for question, demonstration in pairs]
    same_month = [
        share_answer_month(question, demonstration) for question, demonstration in pairs if question.task == "l1"
    ]
    return Agreement(
        float(np.mean(overlap)),
        float(np.mean(correlations)) if correlations else 0.0,
        float(np.mean(same_relation)) if same_relation else None,
        float(np.mean(same_task)),
        float(np.mean(same_month)) if same_month else None,
    )


def compare_selectors(
    split: TemporalSplit, languages: Sequence[str], encoder: QueryEncoder, selectors: Sequence[Selector]
) -> Iterator[SelectorAgreement]:
    """Each selector's agreement with the oracle, for every task of the split and every language.

    The oracle compares the questions with the pool translated into their language, by the vectors of `encoder`. Each
    task has its own pool.
    """
    oracle = SimilaritySelector(encoder, "oracle", translated_pool=True)
    for task in dict.fromkeys(question.task for question in split.questions):
        questions, pool = ([q for q in side if q.task == task] for side in (split.questions, split.pool))
        for language in languages:
            oracle_scores = oracle.scores(questions, pool, language)
            for selector in selectors:
                scores = selector.scores(questions, pool, language)
                result = agreement(questions, pool, scores, oracle_scores)
                yield SelectorAgreement(task, language, selector.name, result)

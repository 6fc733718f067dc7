"""Hard negatives, found by the encoder itself."""

import random
from collections.abc import Mapping, Sequence

import numpy as np

from retriever.data.squad import ParallelSquad, Question
from retriever.models.encoder import Encoder
from retriever.types import Vectors

RANKS = (50, 100)
"""Where CLEAR takes its negatives from: hard, not the hardest (those are often right answers that are not marked)."""
MARGIN = 0.95
"""A candidate that scores above this share of the positive's score counts as an unmarked positive."""


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

    `positives` has each anchor's positive, `forbidden` all its right candidates. If the pool is too small for the
    ranks, candidates are drawn from the second half of the ranking. Raises ValueError if there are fewer than `count`.
    """
    scores = anchors @ candidates.T
    rankings = np.argsort(-scores, axis=1, kind="stable")
    negatives = []
    for row, (ranking, positive, right) in enumerate(zip(rankings, positives, forbidden, strict=True)):
        limit = MARGIN * scores[row, positive] if scores[row, positive] > 0 else np.inf
        wrong = [int(c) for c in ranking if int(c) not in right]
        if len(wrong) < count:
            raise ValueError(f"{len(wrong)} candidates are too few for {count} negatives.")
        window = wrong[ranks[0] : ranks[1]] if len(wrong) >= ranks[1] else wrong[len(wrong) // 2 :]
        window = [c for c in window if scores[row, c] <= limit] or window
        if len(window) < count:
            window = wrong[-count:]
        negatives.append(rng.sample(window, count))
    return negatives


def hard_passages(
    squad: ParallelSquad, encoder: Encoder, *, count: int, rng: random.Random, ranks: tuple[int, int] = RANKS
) -> dict[str, list[str]]:
    """For each English question, by id, `count` wrong English passages of the given ranks of its ranking, by id."""
    questions = list({question.id: question for question in squad.questions.get("en", [])}.values())
    passages = squad.passages.get("en", {})
    ids = list(passages)
    places = {id_: n for n, id_ in enumerate(ids)}
    positives = [places[question.passage_id] for question in questions]
    negatives = mine_negatives(
        encoder.encode_queries([question.text for question in questions]),
        encoder.encode_passages(list(passages.values())),
        positives,
        [{positive} for positive in positives],
        count=count,
        rng=rng,
        ranks=ranks,
    )
    return {question.id: [ids[n] for n in row] for question, row in zip(questions, negatives, strict=True)}


def hard_queries(
    questions: Sequence[Question],
    passages: Mapping[str, Vectors],
    encoder: Encoder,
    *,
    count: int,
    rng: random.Random,
    ranks: tuple[int, int] = RANKS,
) -> dict[str, list[str]]:
    """For each question, by id, the texts of `count` others that its passage does not answer.

    All questions are of one language. `passages` has the vectors of the English passages by id; the others come from
    the given ranks of the passage's ranking of the questions.
    """
    same_passage: dict[str, set[int]] = {}
    for n, question in enumerate(questions):
        same_passage.setdefault(question.passage_id, set()).add(n)
    negatives = mine_negatives(
        np.stack([passages[question.passage_id] for question in questions]),
        encoder.encode_queries([question.text for question in questions]),
        list(range(len(questions))),
        [same_passage[question.passage_id] for question in questions],
        count=count,
        rng=rng,
        ranks=ranks,
    )
    return {q.id: [questions[n].text for n in row] for q, row in zip(questions, negatives, strict=True)}

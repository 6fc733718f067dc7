"""Rows for CLEAR and its baseline: parallel questions over English passages, with hard negatives on both sides."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from retriever.alignment.data import draw_rows
from retriever.alignment.mining import RANKS, mine_negatives
from retriever.data.squad import ParallelSquad, Question
from retriever.errors import DataError
from retriever.models.encoder import Encoder


def clear_rows(
    squad: ParallelSquad,
    encoder: Encoder,
    *,
    count: int,
    negatives: int,
    seed: int,
    languages: Sequence[str] | None = None,
    ranks: tuple[int, int] = RANKS,
) -> Dataset:
    """`count` rows with CLEAR's columns, each for a question that exists in English and a target language.

    Negative passages are mined for the English question; negative target queries for the English passage, in the same
    target language. Languages are drawn with a temperature. `label` is the English question's place in
    `squad.questions["en"]`. Raises DataError without parallel questions.
    """
    rng = random.Random(seed)
    english = {question.id: question for question in squad.questions.get("en", [])}
    pool = squad.passages.get("en", {})
    place = {id_: n for n, id_ in enumerate(pool)}
    targets = {
        language: [q for q in rows if q.id in english]
        for language, rows in squad.questions.items()
        if language != "en" and (not languages or language in languages)
    }
    targets = {language: rows for language, rows in targets.items() if rows}
    if not targets:
        raise DataError("CLEAR needs the same questions in English and another language.")
    passages = encoder.encode_passages(list(pool.values()))
    near = hard_passages(squad, encoder, count=negatives, rng=rng, ranks=ranks)
    hard_queries = {
        language: _hard_queries(rows, passages, place, encoder, negatives, rng, ranks)
        for language, rows in targets.items()
    }
    everything = [q for rows in targets.values() for q in rows]
    columns: dict[str, list[str]] = {}
    drawn = draw_rows(everything, count, rng)

    def put(name: str, text: str) -> None:
        columns.setdefault(name, []).append(text)

    for question in drawn:
        put("query", encoder.query_prefix + english[question.id].text)
        put("passage", encoder.passage_prefix + pool[question.passage_id])
        put("target_query", encoder.query_prefix + question.text)
        for n, id_ in enumerate(near[question.id], start=1):
            put(f"negative_passage_{n}", encoder.passage_prefix + pool[id_])
        for n, text in enumerate(hard_queries[question.language][question.id], start=1):
            put(f"negative_target_query_{n}", encoder.query_prefix + text)
    numbers = {question.id: n for n, question in enumerate(squad.questions["en"])}
    return Dataset.from_dict({**columns, "label": [numbers[question.id] for question in drawn]})


def hard_passages(
    squad: ParallelSquad, encoder: Encoder, *, count: int, rng: random.Random, ranks: tuple[int, int] = RANKS
) -> dict[str, list[str]]:
    """For each English question, by id, `count` wrong English passages of the given ranks of its ranking, by id."""
    asked = list({question.id: question for question in squad.questions.get("en", [])}.values())
    pool = squad.passages.get("en", {})
    ids = list(pool)
    place = {id_: n for n, id_ in enumerate(ids)}
    right = [place[q.passage_id] for q in asked]
    mined = mine_negatives(
        encoder.encode_queries([q.text for q in asked]),
        encoder.encode_passages(list(pool.values())),
        right,
        [{n} for n in right],
        count=count,
        rng=rng,
        ranks=ranks,
    )
    return {q.id: [ids[n] for n in row] for q, row in zip(asked, mined, strict=True)}


def mnrl_columns(negatives: int) -> list[str]:
    """The columns of CLEAR's rows that MultipleNegativesRankingLoss takes: target query, passage, its negatives."""
    return ["target_query", "passage", *(f"negative_passage_{n}" for n in range(1, negatives + 1))]


def _hard_queries(
    rows: Sequence[Question],
    passages: "np.ndarray[Any, Any]",
    place: dict[str, int],
    encoder: Encoder,
    count: int,
    rng: random.Random,
    ranks: tuple[int, int],
) -> dict[str, list[str]]:
    """For each question, others in its language that its passage is near to but does not answer."""
    vectors = encoder.encode_queries([q.text for q in rows])
    same: dict[str, set[int]] = {}
    for n, q in enumerate(rows):
        same.setdefault(q.passage_id, set()).add(n)
    anchors = passages[[place[q.passage_id] for q in rows]]
    forbidden = [same[q.passage_id] for q in rows]
    mined = mine_negatives(anchors, vectors, list(range(len(rows))), forbidden, count=count, rng=rng, ranks=ranks)
    return {q.id: [rows[n].text for n in chosen] for q, chosen in zip(rows, mined, strict=True)}

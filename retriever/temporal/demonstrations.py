"""Solved English questions to show before a question about time, and their division from those that are asked."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from retriever.errors import DataError
from retriever.models.protocols import QueryEncoder
from retriever.temporal.questions import FactQuery, TaskName, TemporalQuestion, write_question
from retriever.temporal.selectors import SHOTS, top_k
from retriever.types import Query

LEAST_ASKED = 0.1
"""Share of the subjects that are asked about, however large a pool is wanted beside them."""


class DemonstrationPool:
    """Solved English questions, and an encoder that finds those that go with a question in any language.

    With `reuse_query_vectors` the encoder is the one that made a query's vector, so the question is not embedded again.
    """

    def __init__(
        self, questions: Sequence[TemporalQuestion], encoder: QueryEncoder, *, reuse_query_vectors: bool
    ) -> None:
        self._questions = list(questions)
        self._encoder = encoder
        self._reuse_query_vectors = reuse_query_vectors
        self._vectors = encoder.encode_queries([write_question(question.content, "en") for question in questions])

    def nearest(self, query: Query, k: int = SHOTS) -> list[TemporalQuestion]:
        """The k nearest by cosine, the best first: X-InSTA's choice, CLiTSSA's if it tuned the encoder."""
        vector = query.vector if self._reuse_query_vectors else self._encoder.encode_queries([query.text])[0]
        return [self._questions[n] for n in top_k(vector[None] @ self._vectors.T, k)[0]]


@dataclass(frozen=True, slots=True)
class TemporalSplit:
    """Questions to choose demonstrations from, which CLiTSSA trains on, and to be asked."""

    pool: list[TemporalQuestion]
    asked: list[TemporalQuestion]


def split_questions(questions: Sequence[TemporalQuestion], *, pool: int, asked: int, seed: int = 1) -> TemporalSplit:
    """Up to so many of each task. No subject is on both sides; L1 has none, so its questions are divided one by one.

    Raises DataError if there are too few.
    """
    sides: dict[str, bool] = {}
    rng = random.Random(seed)
    groups: dict[TaskName, tuple[list[TemporalQuestion], list[TemporalQuestion]]] = {}
    for question in rng.sample(list(questions), len(questions)):
        content = question.content
        key = content.subject if isinstance(content, FactQuery) else repr(content)
        to_ask = sides.setdefault(key, rng.random() < max(LEAST_ASKED, asked / (asked + pool)))
        groups.setdefault(question.task, ([], []))[to_ask].append(question)
    shown = [question for left, _ in groups.values() for question in left[:pool]]
    held = [question for _, right in groups.values() for question in right[:asked]]
    if len(shown) < SHOTS or not held:
        raise DataError(
            f"{len(questions)} questions are too few to choose demonstrations from and to ask; "
            "give more, or a smaller pool."
        )
    return TemporalSplit(shown, held)

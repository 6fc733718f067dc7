"""Solved English questions that stand in a prompt before a question about time (demonstrations)."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from retriever.errors import DataError
from retriever.models.protocols import QueryEncoder
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.questions import FactQuery, TaskName, TemporalQuestion, write_question
from retriever.temporal.selectors import SHOTS, top_k
from retriever.types import Query

MIN_QUESTION_SHARE = 0.1
"""Least share of the subjects that go to the questions, however large the pool is."""


class DemonstrationPool:
    """Solved English questions, and an encoder that finds the nearest to a question in any language.

    Set `reuse_query_vectors` if the same encoder made the query's vector: the question is then not embedded again.
    """

    def __init__(
        self, questions: Sequence[TemporalQuestion], encoder: QueryEncoder, *, reuse_query_vectors: bool
    ) -> None:
        self._questions = list(questions)
        self._encoder = encoder
        self._reuse_query_vectors = reuse_query_vectors
        self._vectors = encoder.encode_queries([write_question(question.content, "en") for question in questions])

    def nearest(self, query: Query, k: int = SHOTS) -> list[TemporalQuestion]:
        """The k nearest questions by cosine, best first.

        This is the choice of X-InSTA (Tanwar et al., ACL 2023), or of CLiTSSA if it tuned the encoder.
        """
        vector = query.vector if self._reuse_query_vectors else self._encoder.encode_queries([query.text])[0]
        return [self._questions[n] for n in top_k(vector[None] @ self._vectors.T, k)[0]]


@dataclass(frozen=True, slots=True)
class TemporalSplit:
    """A division of questions about time.

    `pool` is what demonstrations are chosen from, and what CLiTSSA trains on. `questions` are put to the generator.
    """

    pool: list[TemporalQuestion]
    questions: list[TemporalQuestion]


def split_questions(
    all_questions: Sequence[TemporalQuestion],
    *,
    pool: int,
    questions: int,
    seed: int = 1,
    asked_subjects: Collection[str] | None = None,
) -> TemporalSplit:
    """Divide questions into a pool of up to `pool` and up to `questions` others, of each task.

    No subject is on both sides. Subjects are drawn, or `asked_subjects` are asked about and the others are in the pool.
    L1 questions have no subject and are divided one by one. Raises DataError if there are too few.
    """
    subject_sides: dict[str, bool] = {}
    rng = random.Random(seed)
    task_sides: dict[TaskName, tuple[list[TemporalQuestion], list[TemporalQuestion]]] = {}
    for question in rng.sample(list(all_questions), len(all_questions)):
        content = question.content
        subject = content.subject if isinstance(content, FactQuery) else repr(content)
        question_share = max(MIN_QUESTION_SHARE, questions / (questions + pool))
        is_question = subject_sides.setdefault(subject, rng.random() < question_share)
        if asked_subjects is not None and isinstance(content, FactQuery):
            is_question = subject in asked_subjects
        task_sides.setdefault(question.task, ([], []))[is_question].append(question)
    pool_side = [question for side, _ in task_sides.values() for question in side[:pool]]
    question_side = [question for _, side in task_sides.values() for question in side[:questions]]
    if len(pool_side) < SHOTS or not question_side:
        raise DataError(
            f"{len(all_questions)} questions are too few to choose demonstrations from and to ask; "
            "give more, or a smaller pool."
        )
    return TemporalSplit(pool_side, question_side)


def share_answer_month(question: TemporalQuestion, other: TemporalQuestion) -> bool:
    """Whether both are calendar arithmetic (L1) and have their answers in the same month, of whatever year.

    As a demonstration, `other` then shows half of the answer to `question`.

    >>> from retriever.types import Month
    >>> shifts = MonthShift(Month(1742, 5), 60, after=True), MonthShift(Month(1900, 3), 2, after=True)
    >>> share_answer_month(*(TemporalQuestion("1", shift, ()) for shift in shifts))
    True
    """
    one, two = question.content, other.content
    return isinstance(one, MonthShift) and isinstance(two, MonthShift) and one.result.month == two.result.month

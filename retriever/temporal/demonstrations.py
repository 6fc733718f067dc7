"""Solved English questions to show before a question about time, and their division from those that are asked."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from retriever.datasets import DataError
from retriever.encoder import Encoder
from retriever.temporal.questions import Asked, TaskName, TimeQuestion, ask
from retriever.temporal.selectors import SHOTS, chosen

LEAST_ASKED = 0.1
"""Share of the subjects that are asked about, however large a pool is wanted beside them."""


class DemonstrationPool:
    """Solved English questions, and an encoder that finds those that go with a question in any language."""

    def __init__(self, questions: Sequence[TimeQuestion], encoder: Encoder) -> None:
        self._questions = list(questions)
        self._encoder = encoder
        self._vectors = encoder.encode_queries([ask(question.content, "en") for question in questions])

    def nearest(self, question: str, k: int = SHOTS) -> list[TimeQuestion]:
        """The k nearest by cosine, the best first: X-InSTA's choice, CLiTSSA's if it tuned the encoder."""
        scores = self._encoder.encode_queries([question]) @ self._vectors.T
        return [self._questions[n] for n in chosen(scores, k)[0]]


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """Questions to choose demonstrations from, which CLiTSSA trains on, and to be asked."""

    pool: list[TimeQuestion]
    asked: list[TimeQuestion]


def split_questions(questions: Sequence[TimeQuestion], *, pool: int, asked: int, seed: int = 1) -> TimeSplit:
    """Up to so many of each task. No subject is on both sides; L1 has none, so its questions are divided one by one.

    Raises DataError if there are too few.
    """
    sides: dict[str, bool] = {}
    rng = random.Random(seed)
    groups: dict[TaskName, tuple[list[TimeQuestion], list[TimeQuestion]]] = {}
    for question in rng.sample(list(questions), len(questions)):
        content = question.content
        key = content.subject if isinstance(content, Asked) else repr(content)
        to_ask = sides.setdefault(key, rng.random() < max(LEAST_ASKED, asked / (asked + pool)))
        groups.setdefault(question.task, ([], []))[to_ask].append(question)
    shown = [question for left, _ in groups.values() for question in left[:pool]]
    held = [question for _, right in groups.values() for question in right[:asked]]
    if len(shown) < SHOTS or not held:
        raise DataError(
            f"{len(questions)} questions are too few to choose demonstrations from and to ask; "
            "give more, or a smaller pool."
        )
    return TimeSplit(shown, held)

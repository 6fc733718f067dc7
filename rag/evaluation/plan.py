"""What an evaluation of questions about time asks: the plan, and its items in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.generation.few_shot import PromptStyle, gold_text
from retriever.temporal.demonstrations import TemporalSplit, share_answer_month
from retriever.temporal.questions import TaskName, TemporalQuestion
from retriever.temporal.selectors import SHOTS, Selector, top_k
from retriever.types import Vectors

EvidenceSetting = Literal["closed", "withheld", "facts", "rag"]
"""What a prompt holds beside the question: nothing, the subject's facts, or passages that search finds.

"closed" asks the data's own questions. The others ask L2 questions for months that the facts do not name; "withheld"
asks these without the facts.
"""


@dataclass(frozen=True, slots=True)
class TemporalPlan:
    """An evaluation in full: each question of each task goes to the generator in each language, once per selector.

    `questions` is their number per task, `pool` the number of English questions per task that a selector chooses its
    `shots` demonstrations from. `generator` is the engine's label. A folder keeps the plan as plan.json, so the fields
    and their order are a file format. `version` counts the ways in which questions and demonstrations were drawn and
    answers were scored, so that no folder mixes them.
    """

    tasks: tuple[TaskName, ...]
    languages: tuple[str, ...]
    selectors: tuple[str, ...]
    questions: int
    pool: int
    setting: EvidenceSetting = "closed"
    style: PromptStyle = "chat"
    shots: int = SHOTS
    seed: int = 1
    generator: str = ""
    version: int = 2


@dataclass(frozen=True, slots=True)
class Item:
    """One question in one language, with the demonstrations of one selector."""

    language: str
    selector: str
    question: TemporalQuestion
    demonstrations: tuple[TemporalQuestion, ...]

    @property
    def task(self) -> TaskName:
        """The question's task."""
        return self.question.task

    @property
    def key(self) -> str:
        """Identifies the item within its evaluation: "l2/ro/bm25/QUESTION"."""
        return f"{self.task}/{self.language}/{self.selector}/{self.question.id}"

    @property
    def gold_answers(self) -> tuple[str, ...]:
        """The right answers: a month as the language writes it (L1), names as they are (L2, L3)."""
        return (gold_text(self.question, self.language),) if self.task == "l1" else self.question.answers


def plan_items(plan: TemporalPlan, split: TemporalSplit, selectors: Sequence[Selector]) -> Iterator[Item]:
    """All items. Those of one question follow each other, so that selectors compare even if the run is cut short.

    No demonstration of calendar arithmetic has its answer in the month of the question's answer, whatever the selector.
    """
    for task in plan.tasks:
        questions, pool = ([q for q in side if q.task == task] for side in (split.questions, split.pool))
        hints = np.array([[share_answer_month(question, other) for other in pool] for question in questions])
        for language in plan.languages:
            best_rows = {
                selector.name: _choose(selector.scores(questions, pool, language), hints, plan.shots)
                for selector in selectors
            }
            for number, question in enumerate(questions):
                for name, rows in best_rows.items():
                    yield Item(language, name, question, tuple(pool[row] for row in rows[number]))


def _choose(scores: Vectors, hints: NDArray[np.bool_], shots: int) -> list[list[int]]:
    """The columns of each row's highest scores, best first, without those that `hints` marks; fewer if no more are."""
    best = top_k(np.where(hints, np.float32(-np.inf), scores), shots).tolist()
    return [[place for place in places if not is_hint[place]] for places, is_hint in zip(best, hints, strict=True)]

"""What an evaluation of questions about time asks: the plan, and its items in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.generation.few_shot import PromptStyle, gold_text
from retriever.temporal.demonstrations import TemporalSplit
from retriever.temporal.questions import TaskName, TemporalQuestion
from retriever.temporal.selectors import SHOTS, Selector, top_k

EvidenceSetting = Literal["closed", "facts", "rag"]
"""What a prompt holds beside the question: nothing, the subject's facts, or passages that search finds."""


@dataclass(frozen=True, slots=True)
class TemporalPlan:
    """An evaluation in full: each question of each task goes to the generator in each language, once per selector.

    `questions` is their number per task, `pool` the number of English questions per task that a selector chooses its
    `shots` demonstrations from. `generator` is the engine's label. A folder keeps the plan as plan.json, so the fields
    and their order are a file format.
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
    """All items. Those of one question follow each other, so that selectors compare even if the run is cut short."""
    for task in plan.tasks:
        questions, pool = ([q for q in side if q.task == task] for side in (split.questions, split.pool))
        for language in plan.languages:
            best_rows = {
                selector.name: top_k(selector.scores(questions, pool, language), plan.shots).tolist()
                for selector in selectors
            }
            for number, question in enumerate(questions):
                for name, rows in best_rows.items():
                    yield Item(language, name, question, tuple(pool[row] for row in rows[number]))

"""What an evaluation of answers plans and keeps: the plan, and one item for each question."""

import json
from dataclasses import asdict, dataclass, replace

from rag.evaluation.answer_scores import AnswerScores
from rag.types import Answer


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What is asked: so many questions a language, and so many whose passage is taken out of the library."""

    data: str
    languages: tuple[str, ...]
    questions: int
    unanswerable: int
    seed: int


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """What an answer shows as its source."""

    title: str
    quote: str


@dataclass(frozen=True, slots=True)
class AnswerItem:
    """A question and what became of it: an answer with its scores, or the error of the generator.

    `key` is the question's.
    """

    key: str
    language: str
    question: str
    golds: tuple[str, ...]
    is_answerable: bool
    answer: str = ""
    abstained: bool = False
    citations: tuple[CitedPassage, ...] = ()
    scores: AnswerScores | None = None
    seconds: float = 0.0
    error: str | None = None

    def answered(self, answer: Answer, scores: AnswerScores, citations: tuple[CitedPassage, ...]) -> "AnswerItem":
        """The item with its answer."""
        return replace(
            self,
            answer=answer.text,
            abstained=answer.abstained,
            citations=citations,
            scores=scores,
            seconds=answer.timings["total"],
        )

    def failed(self, error: str) -> "AnswerItem":
        """The item with the error of the generator."""
        return replace(self, error=error)

    def to_json(self) -> str:
        """One line of items.jsonl, without its line end."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "AnswerItem":
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError for anything else."""
        row = json.loads(line)
        scores = row.pop("scores")
        return cls(
            **row
            | {
                "golds": tuple(row["golds"]),
                "citations": tuple(CitedPassage(**citation) for citation in row["citations"]),
                "scores": AnswerScores(scores["recall"], scores["is_in_language"], tuple(scores["right_citations"]))
                if scores
                else None,
            }
        )

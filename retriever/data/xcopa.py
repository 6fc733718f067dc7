"""XCOPA: a premise, and which of two sentences is its cause or effect, in languages of few resources too."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retriever.data.files import clean_line, read_jsonl
from retriever.errors import DataError


@dataclass(frozen=True, slots=True)
class CausalQuestion:
    """A premise and two choices; `label` is the number of the right one, 0 or 1."""

    language: str
    id: str
    premise: str
    choices: tuple[str, str]
    relation: Literal["cause", "effect"]
    label: int


def read_xcopa(file: Path) -> list[CausalQuestion]:
    """The questions of a file named like val.sw.jsonl. Raises DataError."""
    language = file.name.split(".")[1]
    questions = []
    for row in read_jsonl(file):
        try:
            if row["question"] not in ("cause", "effect") or row["label"] not in (0, 1):
                raise DataError(f"{file}: a question that is neither of a cause nor of an effect, or has no label.")
            premise, first, second = (clean_line(row[key]) for key in ("premise", "choice1", "choice2"))
            questions.append(
                CausalQuestion(language, str(row["idx"]), premise, (first, second), row["question"], row["label"])
            )
        except KeyError as error:
            raise DataError(f"{file}: a question without {error}.") from error
    return questions

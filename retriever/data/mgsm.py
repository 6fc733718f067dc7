"""MGSM: sums of primary school as texts, in eleven languages, each with the number that answers it."""

from dataclasses import dataclass
from pathlib import Path

from retriever.data.files import clean_line, numbered_lines
from retriever.errors import DataError


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum as a text and its answer; `id` is the same in every language."""

    language: str
    id: str
    text: str
    answer: float


def read_mgsm(file: Path) -> list[Sum]:
    """The sums of a file named like mgsm_sw.tsv. Raises DataError."""
    language = file.stem.rpartition("_")[2]
    sums = []
    for number, line in numbered_lines(file):
        text, _, answer = line.rpartition("\t")
        try:
            sums.append(Sum(language, str(number), clean_line(text), float(answer.replace(",", ""))))
        except ValueError as error:
            raise DataError(f"{file}, line {number}: {answer[:60]!r} is no number.") from error
    return sums

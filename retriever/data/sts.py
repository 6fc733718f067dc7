"""Semantic textual similarity: pairs of sentences, and how similar people find them, from 0 to 5."""

import csv
from dataclasses import dataclass
from pathlib import Path

from retriever.data.files import clean_line, numbered_lines
from retriever.errors import DataError


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two sentences and the score of their similarity."""

    first: str
    second: str
    score: float


def read_stsb(file: Path) -> list[SimilarPair]:
    """The pairs of a file of stsb-multi-mt, such as stsb-es-train.csv. Raises DataError."""
    pairs = []
    for row in csv.reader(line for _, line in numbered_lines(file)):
        if len(row) != 3:
            raise DataError(f"{file}: a row of {len(row)} columns, expected sentence, sentence and score.")
        pairs.append(SimilarPair(clean_line(row[0]), clean_line(row[1]), _score(row[2], file)))
    return pairs


def read_sts2017(folder: Path, track: str) -> list[SimilarPair]:
    """The pairs of a track of STS 2017, such as track2.ar-en, with its scores. Raises DataError."""
    texts, scores = (folder / f"STS.{kind}.{track}.txt" for kind in ("input", "gs"))
    rows = [line.split("\t") for _, line in numbered_lines(texts)]
    values = [_score(line, scores) for _, line in numbered_lines(scores)]
    if len(rows) != len(values) or any(len(row) < 2 for row in rows):
        raise DataError(f"{texts}: {len(rows)} rows for {len(values)} scores, or a row without two sentences.")
    return [SimilarPair(clean_line(row[0]), clean_line(row[1]), score) for row, score in zip(rows, values, strict=True)]


def _score(text: str, file: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"{file}: {text[:60]!r} is no score.") from error

"""Draw training rows: so many of each language and of each kind of text."""

import random
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from retriever.alignment.data import Kind, ParallelText
from retriever.errors import DataError


class InLanguage(Protocol):
    """A row in some language."""

    @property
    def language(self) -> str:
        """Its code."""
        ...


Row = TypeVar("Row", bound=InLanguage)
TEMPERATURE = 0.5
"""Exponent on a language's number of rows: with 1 languages are drawn in proportion to it, with 0 all alike."""


def draw_rows(rows: Sequence[Row], count: int, rng: random.Random) -> list[Row]:
    """`count` rows. A language's share is its number of rows to the power TEMPERATURE.

    No row of a language is drawn again before all its other rows were drawn.
    """
    by_language: dict[str, list[Row]] = {}
    for row in rows:
        by_language.setdefault(row.language, []).append(row)
    weights = [len(language_rows) ** TEMPERATURE for language_rows in by_language.values()]
    languages = rng.choices(list(by_language), weights, k=count)
    sample: list[Row] = []
    queues: dict[str, list[Row]] = {language: [] for language in by_language}
    for language in languages:
        if not queues[language]:
            queues[language] = rng.sample(by_language[language], len(by_language[language]))
        sample.append(queues[language].pop())
    return sample


def draw_kinds(
    texts: Sequence[ParallelText], count: int, rng: random.Random, shares: Mapping[Kind, float]
) -> list[ParallelText]:
    """About `count` texts in random order; `shares` gives each kind's part.

    The share of a kind without texts goes to the other kinds. Raises DataError if there is nothing to train on.
    """
    by_kind: dict[Kind, list[ParallelText]] = {}
    for text in texts:
        by_kind.setdefault(text.kind, []).append(text)
    present = {kind: share for kind, share in shares.items() if share and kind in by_kind}
    if not present:
        raise DataError("There are no parallel texts to train on.")
    sample: list[ParallelText] = []
    for kind, share in present.items():
        sample += draw_rows(by_kind[kind], round(count * share / sum(present.values())), rng)
    rng.shuffle(sample)
    return sample

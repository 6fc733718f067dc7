"""From public data to training rows."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import numpy as np
from datasets import Dataset
from torch import from_numpy

from retriever.alignment.methods.anchoring import AnchoringLoss
from retriever.data.labelled import LabelledQuery
from retriever.data.pairs import Pair
from retriever.data.squad import ParallelSquad
from retriever.errors import DataError
from retriever.models.encoder import Encoder


class InLanguage(Protocol):
    """A row in some language."""

    @property
    def language(self) -> str:
        """Its code."""
        ...


Row = TypeVar("Row", bound=InLanguage)
TEMPERATURE = 0.5
"""Exponent on a language's number of rows when rows are drawn: 1 is in proportion, 0 all languages alike."""


Kind = Literal["question", "pair", "name", "english", "passage", "piece"]
PIECE_WORDS = 24


@dataclass(frozen=True, slots=True)
class ParallelText:
    """A text and its English original.

    Passages and pieces of them meet the encoder as passages, every other kind as queries. "english" and "piece" are
    their own originals: they hold English in place.
    """

    language: str
    text: str
    english: str
    kind: Kind

    @property
    def is_passage(self) -> bool:
        """Whether the encoder meets it as a passage."""
        return self.kind in ("passage", "piece")


@dataclass(frozen=True, slots=True)
class Split:
    """Parallel questions by article: to train on, to choose by, to report on."""

    train: ParallelSquad
    dev: ParallelSquad
    test: ParallelSquad


def split_articles(squad: ParallelSquad, *, test: int, dev: int, seed: int, train: int | None = None) -> Split:
    """Hold out whole articles. The training part loses their passages too; dev and test keep the whole pool.

    `train` keeps so many of the other articles to train on, a smaller number always some of those of a larger one;
    None keeps all. Raises DataError if there are too few articles.
    """
    articles = squad.articles
    if test + dev + (train or 1) > len(articles):
        wanted = f"hold out {test} for the report and {dev} to choose" + (f" and train on {train}" if train else "")
        raise DataError(f"{len(articles)} articles are too few to {wanted}.")
    drawn = random.Random(seed)
    held = drawn.sample(articles, test + dev)
    others = [article for article in articles if article not in held]
    left_out = set(held) | set(drawn.sample(others, len(others))[train:]) if train else set(held)
    return Split(squad.without_passages(left_out), squad.only(set(held[test:])), squad.only(set(held[:test])))


def parallel_texts(
    squad: ParallelSquad | None = None, pairs: Sequence[Pair] = (), labelled: Sequence[LabelledQuery] = ()
) -> list[ParallelText]:
    """Questions and passages of parallel SQuAD, pairs, labelled queries; and their English, to keep it in place."""
    rows = [ParallelText(pair.language, pair.text, pair.english, "pair") for pair in pairs]
    translated = [row for row in labelled if row.english and row.text != row.english]
    rows += [ParallelText(row.language, row.text, row.english, "pair") for row in translated]
    if squad:
        originals = {question.id: question.text for question in squad.questions.get("en", [])}
        passages = squad.passages.get("en", {})
        for language in squad.questions:
            if language != "en":
                asked = [q for q in squad.questions[language] if q.id in originals]
                rows += [ParallelText(language, q.text, originals[q.id], "question") for q in asked]
                theirs = squad.passages[language]
                rows += [ParallelText(language, text, passages[id_], "passage") for id_, text in theirs.items()]
    english = dict.fromkeys(row.english for row in rows if not row.is_passage)
    rows += [ParallelText("en", text, text, "english") for text in english]
    pieces = [piece for text in squad.passages.get("en", {}).values() for piece in _pieces(text)] if squad else []
    return rows + [ParallelText("en", piece, piece, "piece") for piece in pieces]


def _pieces(text: str) -> list[str]:
    """An English passage in runs of PIECE_WORDS words: whole ones would make every batch as long as themselves."""
    words = text.split()
    return [" ".join(words[n : n + PIECE_WORDS]) for n in range(0, len(words), PIECE_WORDS)]


def draw_rows(rows: Sequence[Row], count: int, rng: random.Random) -> list[Row]:
    """`count` rows; a language's share is its number of rows to the power TEMPERATURE, its rows come in rounds."""
    by_language: dict[str, list[Row]] = {}
    for row in rows:
        by_language.setdefault(row.language, []).append(row)
    weights = [len(group) ** TEMPERATURE for group in by_language.values()]
    wanted = rng.choices(list(by_language), weights, k=count)
    drawn: list[Row] = []
    queues: dict[str, list[Row]] = {language: [] for language in by_language}
    for language in wanted:
        if not queues[language]:
            queues[language] = rng.sample(by_language[language], len(by_language[language]))
        drawn.append(queues[language].pop())
    return drawn


def draw_kinds(
    texts: Sequence[ParallelText], count: int, rng: random.Random, shares: Mapping[Kind, float]
) -> list[ParallelText]:
    """About `count` texts in any order; `shares` gives the part that each kind has.

    Kinds without texts give theirs to the others. Raises DataError if there is nothing to train on.
    """
    by_kind: dict[Kind, list[ParallelText]] = {}
    for text in texts:
        by_kind.setdefault(text.kind, []).append(text)
    present = {kind: share for kind, share in shares.items() if share and kind in by_kind}
    if not present:
        raise DataError("There are no parallel texts to train on.")
    rows: list[ParallelText] = []
    for kind, share in present.items():
        rows += draw_rows(by_kind[kind], round(count * share / sum(present.values())), rng)
    rng.shuffle(rows)
    return rows


def anchoring_rows(
    texts: Sequence[ParallelText], encoder: Encoder, *, count: int, seed: int, shares: Mapping[Kind, float]
) -> tuple[Dataset, AnchoringLoss]:
    """Rows (text, label) and the objective with its bank of anchors, embedded by the untouched encoder.

    `shares` and errors as in `draw_kinds`.
    """
    rows = draw_kinds(texts, count, random.Random(seed), shares)
    numbers: dict[tuple[bool, str], int] = {}
    for row in rows:
        numbers.setdefault((row.is_passage, row.english), len(numbers))
    anchors = np.empty((len(numbers), encoder.dimensions), dtype=np.float32)
    for is_passage, encode in ((False, encoder.encode_queries), (True, encoder.encode_passages)):
        chosen = {english: n for (passage, english), n in numbers.items() if passage is is_passage}
        if chosen:
            anchors[list(chosen.values())] = encode(list(chosen))
    prefixes = {True: encoder.passage_prefix, False: encoder.query_prefix}
    dataset = Dataset.from_dict(
        {
            "text": [prefixes[row.is_passage] + row.text for row in rows],
            "label": [numbers[row.is_passage, row.english] for row in rows],
        }
    )
    return dataset, AnchoringLoss(from_numpy(anchors))

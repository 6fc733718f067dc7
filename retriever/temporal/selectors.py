"""Who picks the solved English questions that a language model is shown before a question about time (X-ICL).

A selector scores a pool of questions for questions in some language; the k best are shown, the best first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retriever.models.backends.tokens import normalize
from retriever.models.protocols import QueryEncoder
from retriever.store.words import BM25Index
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.questions import FactQuery, Neighbour, TemporalQuestion, parse_question, write_question
from retriever.types import Month, Vectors

SHOTS = 3


class Selector(Protocol):
    """A way to choose demonstrations."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def scores(self, asked: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """How well each question of the pool goes with each one asked in the language, shape (asked, pool)."""
        ...


@dataclass(frozen=True, slots=True)
class RandomSelector:
    """Any of the pool."""

    seed: int = 1
    name: str = "random"

    def scores(self, asked: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        rng = np.random.default_rng([self.seed, *language.encode()])
        return rng.random((len(asked), len(pool)), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class BM25Selector:
    """Words that the question shares with English ones: names and years."""

    name: str = "bm25"

    def scores(self, asked: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        index = BM25Index.build([str(n) for n in range(len(pool))], [write_question(q.content, "en") for q in pool])
        found = np.zeros((len(asked), len(pool)), dtype=np.float32)
        for row, question in enumerate(asked):
            for id_, score in index.search(write_question(question.content, language), len(pool)):
                found[row, int(id_)] = score
        return found


@dataclass(frozen=True, slots=True)
class SimilaritySelector:
    """Cosine of the question to the pool's questions.

    As they are, in English: X-InSTA with an untuned encoder (Tanwar et al., ACL 2023), CLiTSSA with a tuned one. With
    `translated_pool`, to their translations: the in-language oracle. With `translated_question`, English on both sides.
    """

    encoder: QueryEncoder
    name: str
    translated_pool: bool = False
    translated_question: bool = False

    def scores(self, asked: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        theirs = language if self.translated_pool else "en"
        own = "en" if self.translated_question else language
        left, right = (
            self.encoder.encode_queries([write_question(question.content, code) for question in questions])
            for questions, code in ((asked, own), (pool, theirs))
        )
        similar: Vectors = left @ right.T
        return similar


@dataclass(frozen=True, slots=True)
class MappedSelector:
    """Ours: a linear map, fitted in a second, moves the pool's English vectors to where the language's would be.

    Ridge regression of what a translated question's vector is apart from its English one, on the pool and its
    translations, which CLiTSSA trains on too. With `unseen` each half of the pool is moved by the map of the other, as
    if there were no translations of it.
    """

    encoder: QueryEncoder
    unseen: bool = False
    ridge: float = 0.03

    @property
    def name(self) -> str:
        """What tables call it."""
        return "mapped (unseen pool)" if self.unseen else "mapped"

    def scores(self, asked: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        english, theirs = (
            self.encoder.encode_queries([write_question(q.content, code) for q in pool]) for code in ("en", language)
        )
        moved = np.empty_like(english)
        halves = np.arange(len(pool)) % 2 == 0
        for part in (halves, ~halves) if self.unseen else (np.ones_like(halves),):
            seen = ~part if self.unseen else part
            moved[part] = english[part] + english[part] @ self._map(english[seen], theirs[seen] - english[seen])
        own = self.encoder.encode_queries([write_question(question.content, language) for question in asked])
        similar: Vectors = own @ normalize(moved).T
        return similar

    def _map(self, inputs: Vectors, outputs: Vectors) -> Vectors:
        square = inputs.T @ inputs + self.ridge * np.eye(inputs.shape[1], dtype=np.float32)
        solved: Vectors = np.linalg.solve(square, inputs.T @ outputs).astype(np.float32)
        return solved


@dataclass(frozen=True, slots=True)
class StructuredSelector:
    """Ours: another selector's similarity of the words, that of the names, and that of what is asked about time.

    The question is read back from its own words (`recognise`), in whatever language. Demonstrations that ask for the
    same relation show what an answer looks like; of these, those whose subjects and references are alike by themselves,
    without the words of the question around them, have answers alike. A sum that goes from the same month by as many
    months, in whatever years, shows how to. The three similarities are put on one scale; `weight`, in standard
    deviations of theirs, puts what is asked first.
    """

    words: Selector
    encoder: QueryEncoder
    weight: float = 25.0
    name: str = "structured"

    def scores(self, asked: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        read = [parse_question(write_question(question.content, language), language) for question in asked]
        shown = [question.content for question in pool]
        mixed = _standard(self.words.scores(asked, pool, language))
        for name_of in (_subject, _reference):
            mixed += self._alike([name_of(content) for content in read], [name_of(content) for content in shown])
        structure = np.array([[structural_similarity(content, other) for other in shown] for content in read])
        return mixed + (self.weight * structure).astype(np.float32)

    def _alike(self, asked: Sequence[str | None], shown: Sequence[str | None]) -> Vectors:
        """Cosines of names' vectors less the mean of those shown, on one scale; 0 where a question has no name."""
        there = np.array([[a is not None and b is not None for b in shown] for a in asked])
        if not there.any():
            return np.zeros(there.shape, dtype=np.float32)
        left, right = (self.encoder.encode_queries([name or "" for name in names]) for names in (asked, shown))
        mean = right[[name is not None for name in shown]].mean(axis=0)
        alike: Vectors = _standard(normalize(left - mean) @ normalize(right - mean).T) * there
        return alike


def _subject(content: MonthShift | FactQuery | None) -> str | None:
    return content.subject if isinstance(content, FactQuery) else None


def _reference(content: MonthShift | FactQuery | None) -> str | None:
    return content.when.reference if isinstance(content, FactQuery) and isinstance(content.when, Neighbour) else None


def _standard(scores: Vectors) -> Vectors:
    """The scores with mean 0 and standard deviation 1; as they are if all are the same."""
    scaled: Vectors = (scores - scores.mean()) / (scores.std() or 1)
    return scaled


def structural_similarity(asked: MonthShift | FactQuery | None, shown: MonthShift | FactQuery) -> float:
    """From 0, nothing in common, to 1.

    Sums: the same direction, the same step from month to month, as many years, years close by. Others: the same
    relation, and whether both ask for a time or both for a neighbour.
    """
    if isinstance(asked, MonthShift) and isinstance(shown, MonthShift):
        way = asked.after == shown.after
        step = way and (asked.start.month, asked.months % 12) == (shown.start.month, shown.months % 12)
        years = asked.months // 12 == shown.months // 12
        return 0.3 + 0.2 * way + 0.3 * step + 0.1 * years + 0.1 * _close(asked.start, shown.start)
    if not isinstance(asked, FactQuery) or not isinstance(shown, FactQuery):
        return 0.0
    return 0.8 * (asked.relation == shown.relation) + 0.2 * (type(asked.when) is type(shown.when))


def _close(one: Month, other: Month) -> float:
    """1 in the same month, 1/2 ten years apart."""
    return 1 / (1 + abs(one - other) / 120)


def top_k(scores: Vectors, k: int = SHOTS) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """The k best columns of each row, the best first."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def all_selectors(untuned: QueryEncoder, tuned: Mapping[str, QueryEncoder], seed: int = 1) -> list[Selector]:
    """Those that are compared: chance, words, untuned encoder, question translated, tuned encoders, and ours."""
    return [
        RandomSelector(seed),
        BM25Selector(),
        SimilaritySelector(untuned, "X-InSTA"),
        SimilaritySelector(untuned, "question translated", translated_question=True),
        *(SimilaritySelector(encoder, f"CLiTSSA ({name})") for name, encoder in tuned.items()),
        MappedSelector(untuned),
        MappedSelector(untuned, unseen=True),
        StructuredSelector(MappedSelector(untuned), untuned),
    ]

"""Selectors choose the solved English questions that stand in a prompt before a question about time (X-ICL).

A selector scores a pool of solved questions for questions in some language; the k best go into the prompt, best first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retriever.models.normalization import normalize
from retriever.models.protocols import QueryEncoder
from retriever.store.words import WordIndex
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.questions import FactQuery, Neighbour, TemporalQuestion, parse_question, write_question
from retriever.types import Month, Vectors

SHOTS = 3


class Selector(Protocol):
    """A way to choose demonstrations."""

    @property
    def name(self) -> str:
        """Its name in tables."""
        ...

    def scores(self, questions: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """How well each question of the pool demonstrates each question in the language: shape (questions, pool)."""
        ...


@dataclass(frozen=True, slots=True)
class RandomSelector:
    """Chance: random scores, the same for the same seed and language."""

    seed: int = 1
    name: str = "random"

    def scores(self, questions: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        rng = np.random.default_rng([self.seed, *language.encode()])
        return rng.random((len(questions), len(pool)), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class BM25Selector:
    """BM25 of the question over the English pool: they share names and years."""

    name: str = "bm25"

    def scores(self, questions: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        index = WordIndex.of_texts(write_question(other.content, "en") for other in pool)
        scores = np.zeros((len(questions), len(pool)), dtype=np.float32)
        for row, question in enumerate(questions):
            for number, score in index.search(write_question(question.content, language), len(pool)):
                scores[row, number] = score
        return scores


@dataclass(frozen=True, slots=True)
class SimilaritySelector:
    """Cosine of the question with the pool's questions.

    By default the pool is English: X-InSTA with an untuned encoder (Tanwar et al., ACL 2023), CLiTSSA with a tuned one
    (arXiv 2412.08090). With `translated_pool` the pool is translated into the question's language: the in-language
    oracle. With `translated_question` the question is translated into English.
    """

    encoder: QueryEncoder
    name: str
    translated_pool: bool = False
    translated_question: bool = False

    def scores(self, questions: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        question_language = "en" if self.translated_question else language
        pool_language = language if self.translated_pool else "en"
        question_vectors = _encode(self.encoder, questions, question_language)
        similarities: Vectors = question_vectors @ _encode(self.encoder, pool, pool_language).T
        return similarities


@dataclass(frozen=True, slots=True)
class MappedSelector:
    """Our selector with a linear map: it moves the pool's English vectors to where their translations would lie.

    The map is a ridge regression, fitted in a second: from the pool's English vectors to the differences between its
    translations' vectors and these. CLiTSSA trains on the same pool and translations. With `unseen`, each half of the
    pool is moved by the map of the other half, as if it had no translations.
    """

    encoder: QueryEncoder
    unseen: bool = False
    ridge: float = 0.03

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "mapped (unseen pool)" if self.unseen else "mapped"

    def scores(self, questions: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        english, translated = _encode(self.encoder, pool, "en"), _encode(self.encoder, pool, language)
        mapped = np.empty_like(english)
        is_even = np.arange(len(pool)) % 2 == 0
        for part in (is_even, ~is_even) if self.unseen else (np.ones_like(is_even),):
            fitted = ~part if self.unseen else part
            matrix = self._fit(english[fitted], translated[fitted] - english[fitted])
            mapped[part] = english[part] + english[part] @ matrix
        similarities: Vectors = _encode(self.encoder, questions, language) @ normalize(mapped).T
        return similarities

    def _fit(self, inputs: Vectors, outputs: Vectors) -> Vectors:
        """The ridge regression's matrix, shape (dimensions, dimensions)."""
        square = inputs.T @ inputs + self.ridge * np.eye(inputs.shape[1], dtype=np.float32)
        matrix: Vectors = np.linalg.solve(square, inputs.T @ outputs).astype(np.float32)
        return matrix


@dataclass(frozen=True, slots=True)
class StructuredSelector:
    """Our selector by structure: what a question asks about time comes first, its names and words second.

    It reads the question back from its text (`parse_question`), in any language with templates. A demonstration of the
    same relation shows what an answer looks like. Among these, alike subjects and references, compared without the
    words around them, have alike answers. For calendar arithmetic, a shift from the same month by as many months shows
    the steps, in whatever years.

    Three similarities are added, each scaled to standard deviation 1: of the words (from the selector `words`), of the
    subjects, and of the references. `weight` times the structural similarity is added to them.
    """

    words: Selector
    encoder: QueryEncoder
    weight: float = 25.0
    name: str = "structured"

    def scores(self, questions: Sequence[TemporalQuestion], pool: Sequence[TemporalQuestion], language: str) -> Vectors:
        """See Selector."""
        contents = [parse_question(write_question(question.content, language), language) for question in questions]
        pool_contents = [question.content for question in pool]
        scores = _standardize(self.words.scores(questions, pool, language))
        for name_of in (_subject, _reference):
            names, pool_names = list(map(name_of, contents)), list(map(name_of, pool_contents))
            scores += self._name_similarity(names, pool_names)
        structure = np.array([[structural_similarity(one, other) for other in pool_contents] for one in contents])
        return scores + (self.weight * structure).astype(np.float32)

    def _name_similarity(self, names: Sequence[str | None], pool_names: Sequence[str | None]) -> Vectors:
        """Cosines of the names' vectors, centred on the pool's mean and scaled; 0 where a question has no name."""
        have_names = np.array([[a is not None and b is not None for b in pool_names] for a in names])
        if not have_names.any():
            return np.zeros(have_names.shape, dtype=np.float32)
        vectors = self.encoder.encode_queries([name or "" for name in names])
        pool_vectors = self.encoder.encode_queries([name or "" for name in pool_names])
        mean = pool_vectors[[name is not None for name in pool_names]].mean(axis=0)
        cosines = normalize(vectors - mean) @ normalize(pool_vectors - mean).T
        similarities: Vectors = _standardize(cosines) * have_names
        return similarities


def _encode(encoder: QueryEncoder, questions: Sequence[TemporalQuestion], language: str) -> Vectors:
    """Vectors of the questions as written in the language."""
    return encoder.encode_queries([write_question(question.content, language) for question in questions])


def _subject(content: MonthShift | FactQuery | None) -> str | None:
    return content.subject if isinstance(content, FactQuery) else None


def _reference(content: MonthShift | FactQuery | None) -> str | None:
    return content.when.reference if isinstance(content, FactQuery) and isinstance(content.when, Neighbour) else None


def _standardize(scores: Vectors) -> Vectors:
    """The scores with mean 0 and standard deviation 1; all 0 if they are equal."""
    scaled: Vectors = (scores - scores.mean()) / (scores.std() or 1)
    return scaled


def structural_similarity(content: MonthShift | FactQuery | None, other: MonthShift | FactQuery) -> float:
    """How alike two questions are in what they ask, from 0 (nothing in common, or `content` is None) to 1.

    Two shifts: the same direction, the same step from month to month, as many years, and years close by. Two fact
    queries: the same relation, and whether both ask for a month or both for a neighbour.

    >>> structural_similarity(FactQuery("coach", "Ajax", Month(1950, 3)), FactQuery("coach", "Porto", Month(1990, 1)))
    1.0
    >>> structural_similarity(FactQuery("coach", "Ajax", Month(1950, 3)), FactQuery("owner", "Ajax", Month(1950, 3)))
    0.2
    """
    if isinstance(content, MonthShift) and isinstance(other, MonthShift):
        direction = content.after == other.after
        step = direction and (content.start.month, content.months % 12) == (other.start.month, other.months % 12)
        years = content.months // 12 == other.months // 12
        return 0.3 + 0.2 * direction + 0.3 * step + 0.1 * years + 0.1 * _closeness(content.start, other.start)
    if not isinstance(content, FactQuery) or not isinstance(other, FactQuery):
        return 0.0
    return 0.8 * (content.relation == other.relation) + 0.2 * (type(content.when) is type(other.when))


def _closeness(month: Month, other: Month) -> float:
    """1 for the same month, 1/2 for ten years apart."""
    return 1 / (1 + abs(month - other) / 120)


def top_k(scores: Vectors, k: int = SHOTS) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """The columns of the k highest scores of each row, best first; of equal scores the first column.

    >>> top_k(np.array([[0.1, 0.9, 0.5]]), 2).tolist()
    [[1, 2]]
    """
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def all_selectors(untuned: QueryEncoder, tuned: Mapping[str, QueryEncoder], seed: int = 1) -> list[Selector]:
    """The selectors to compare: chance, BM25, cosine (untuned, question translated, tuned), and our own three."""
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

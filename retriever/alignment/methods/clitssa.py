"""CLiTSSA: cross-lingual similarity taught to agree with in-language similarity (arXiv 2412.08090).

For a question in language x the translated questions are compared in x. The most similar and some others are replaced
by their English originals, and the encoder is tuned so that it ranks these as it ranked the translations.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import CoSENTLoss

from retriever.alignment.methods.protocol import Training
from retriever.alignment.recipe import Recipe
from retriever.models.protocols import QueryEncoder
from retriever.temporal.questions import TaskName, TemporalQuestion, write_question

NEAREST, OTHERS = 30, 10
"""The paper's h and w."""


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """The numbers of a question in `language` and of a demonstration in English, and their in-language similarity."""

    language: str
    question: int
    demonstration: int
    similarity: float


@dataclass(frozen=True, slots=True)
class PairSplit:
    """Pairs to train on, and pairs to measure the rank correlation on."""

    train: list[SimilarPair]
    held_out: list[SimilarPair]


@dataclass(frozen=True, slots=True)
class Clitssa:
    """The method "clitssa": it trains on questions about time of `tasks`, and for choosing demonstrations.

    A question is paired with its `nearest` most similar questions and `others` of the rest. `held_out` is the share of
    pairs that training does not see.
    """

    name: ClassVar[str] = "clitssa"
    keeps_passages: ClassVar[bool] = False
    keeps_english_queries: ClassVar[bool] = False
    matches_tokens: ClassVar[bool] = False
    uses_all_labelled: ClassVar[bool] = False

    nearest: int = NEAREST
    others: int = OTHERS
    held_out: float = 0.1
    tasks: tuple[TaskName, ...] = ("l1", "l2", "l3")

    def split_pairs(
        self, questions: Sequence[TemporalQuestion], languages: Sequence[str], encoder: QueryEncoder, seed: int
    ) -> PairSplit:
        """All pairs of the questions in random order, divided."""
        pairs = similar_pairs(questions, languages, encoder, nearest=self.nearest, others=self.others, seed=seed)
        random.Random(seed).shuffle(pairs)
        count = int(len(pairs) * self.held_out)
        return PairSplit(pairs[count:], pairs[:count])

    def prepare(
        self,
        pairs: Sequence[SimilarPair],
        questions: Sequence[TemporalQuestion],
        prefix: str,
        model: SentenceTransformer,
        recipe: Recipe,
    ) -> Training:
        """Rows of the pairs, again from the first when all were taken, and CoSENTLoss (Su Jianlin, 2022) of `model`."""
        repeated = [pairs[n % len(pairs)] for n in range(recipe.row_count)]
        return Training(pair_rows(repeated, questions, prefix), CoSENTLoss(model), f"{len(pairs)} pairs")


def similar_pairs(
    questions: Sequence[TemporalQuestion],
    languages: Sequence[str],
    encoder: QueryEncoder,
    *,
    nearest: int = NEAREST,
    others: int = OTHERS,
    seed: int = 1,
) -> list[SimilarPair]:
    """For each question in each language its `nearest` most similar in that language and `others` of the rest."""
    rng = np.random.default_rng(seed)
    pairs: list[SimilarPair] = []
    for language in languages:
        vectors = encoder.encode_queries([write_question(question.content, language) for question in questions])
        for number, similarities in enumerate(vectors @ vectors.T):
            ranking = np.argsort(-similarities, kind="stable")
            ranking = ranking[ranking != number]
            rest = ranking[nearest:]
            sample = rng.choice(rest, min(others, len(rest)), replace=False)
            pairs += [
                SimilarPair(language, number, int(n), float(similarities[n])) for n in (*ranking[:nearest], *sample)
            ]
    return pairs


def pair_rows(pairs: Sequence[SimilarPair], questions: Sequence[TemporalQuestion], prefix: str) -> Dataset:
    """Rows (question, demonstration, score): two texts and their similarity, in the order that CoSENTLoss takes."""
    return Dataset.from_dict(
        {
            "question": [prefix + write_question(questions[pair.question].content, pair.language) for pair in pairs],
            "demonstration": [prefix + write_question(questions[pair.demonstration].content, "en") for pair in pairs],
            "score": [pair.similarity for pair in pairs],
        }
    )

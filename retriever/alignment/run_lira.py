"""LiRA's part of `isthmus align`: embed the rows, train the network, write its folder, and choose what to compare."""

import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retriever.alignment.data import Material, parallel_texts
from retriever.alignment.folder import CHECKPOINTS, claim_folder, save_model
from retriever.alignment.methods.lira.candidates import NOISE, add_noise
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import LiraQuery, LiraRows, embed_rows, noised_candidates, parallel_queries
from retriever.alignment.methods.lira.train import train_lira
from retriever.alignment.plan import Plan
from retriever.alignment.sampling import draw_rows
from retriever.errors import DataError
from retriever.evaluation.systems import DenseSearch, System
from retriever.languages.detection import detect_language
from retriever.models.backends import load_model
from retriever.models.encoder import BASE_FILE, Encoder
from retriever.models.lira_encoder import LiraEncoder
from retriever.models.offsets import OFFSETS_FILE
from retriever.types import Vectors

MAX_ROWS = 10_000
"""Queries whose views are kept in memory: about 350 MB at 384 dimensions."""


@dataclass(frozen=True, slots=True)
class NoisedTranslations:
    """A translator that knows the human translations and spoils each word of them with a probability."""

    english: Mapping[str, str]
    share: float
    vocabulary: Sequence[str]

    def __call__(self, text: str, source: str, target: str) -> str | None:
        """See Rewrite; the same text is spoilt alike each time."""
        if (english := self.english.get(text)) is None:
            return None
        return add_noise(english, self.share, self.vocabulary, random.Random(f"{self.share} {text}"))


class FusedQueries(LiraEncoder):
    """A LiRA encoder all of whose queries are fused, for an evaluation that embeds them together."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """See Encoder."""
        return np.stack([self.encode_query(text, detect_language(text), with_tokens=False)[0] for text in texts])


def tune_lira(plan: Plan, method: Lira, material: Material, base: Encoder) -> tuple[int, str]:
    """Train a network over the base and write `plan.out`: the number of rows, and a note for the card.

    Raises DataError if there are no parallel texts.
    """
    train = material.split.train if material.split else None
    queries = parallel_queries(material.texts, train)
    if not queries:
        raise DataError("lira needs parallel texts: questions, pairs or labelled queries with their English originals.")
    drawn = draw_rows(queries, MAX_ROWS, random.Random(plan.recipe.seed)) if len(queries) > MAX_ROWS else queries
    claim_folder(plan.out, plan)
    network = train_lira(
        method,
        _embed(drawn, base, plan.recipe.seed),
        plan.recipe,
        plan.out / CHECKPOINTS,
        _development(material, base, plan.recipe.seed),
    )
    save_model(load_model(base.folder, base.device), base, plan.out)
    for name in (BASE_FILE, OFFSETS_FILE):
        if (file := Path(base.folder, name)).is_file():
            shutil.copy(file, plan.out / name)
    network.save(plan.out)
    shares = ", ".join(f"{share:.0%}" for share in NOISE)
    return len(drawn), f"Translations in training: human ones with {shares} of their words spoilt, and a gloss"


def lira_systems(plan: Plan, material: Material, base: Encoder) -> list[System]:
    """Search with translations of several qualities, beside the base's."""
    english = {row.text: row.english for row in material.test_labelled if row.english}
    if material.split:
        originals = {question.id: question.text for question in material.split.test.questions["en"]}
        for questions in material.split.test.questions.values():
            english.update({q.text: originals[q.id] for q in questions if q.id in originals})
    vocabulary = sorted({word for text in english.values() for word in text.split()})
    systems: list[System] = [DenseSearch(base, "before")]
    for share in NOISE:
        translators = [NoisedTranslations(english, share, vocabulary)]
        tuned = FusedQueries(
            str(plan.out), cache=base.cache, device=base.device, backend="torch", translators=translators
        )
        systems.append(DenseSearch(tuned, f"after, translations {share:.0%} spoilt"))
    return systems


def _development(material: Material, base: Encoder, seed: int) -> LiraRows | None:
    if not material.split or not any(material.split.dev.questions.values()):
        return None
    queries = parallel_queries(parallel_texts(material.split.dev), material.split.dev)
    return _embed(queries, base, seed) if queries else None


def _embed(queries: Sequence[LiraQuery], base: Encoder, seed: int) -> LiraRows:
    return embed_rows(queries, noised_candidates(queries, seed), base)

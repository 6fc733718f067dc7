"""Late distillation: a text's tokens are to rank passages as the untouched encoder's do for its English original.

Isthmus re-ranks by late interaction (`retriever.search.late_interaction`), so this trains what ranks. The teacher
reads English and the student the translation, as in Translate-Distill (Yang et al., arXiv 2401.04810). Teacher and
student are one encoder, before and in training. The scores are ColBERT's (distilled by KL as in ColBERTv2,
arXiv 2112.01488, 3.3).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from torch import Tensor, from_numpy
from torch.nn import functional

from retriever.alignment.data import Kind, Material, ParallelText
from retriever.alignment.methods.protocol import Training
from retriever.alignment.objective import EmbeddedTexts, TokenObjectiveLoss
from retriever.alignment.recipe import Recipe
from retriever.alignment.sampling import draw_kinds
from retriever.alignment.similarity import late_scores, pad_tokens
from retriever.data.squad import ParallelSquad
from retriever.errors import DataError
from retriever.models.encoder import Encoder
from retriever.store.token_vectors import pool_tokens

NEAREST = 8
"""Passages that a text brings into its batch: the right one, if it is a question, and the nearest others."""
SHARES: dict[Kind, float] = {"question": 0.7, "pair": 0.3}
"""The part of the rows that each kind of text has."""


@dataclass(frozen=True, slots=True)
class LateDistillation:
    """The method "late". It trains queries alone: the ranking it teaches is of passages by the untouched encoder.

    `nearest` is the number of passages that a text brings into its batch, `shares` each kind's part of the rows.
    """

    name: ClassVar[str] = "late"
    keeps_passages: ClassVar[bool] = True
    keeps_english_queries: ClassVar[bool] = True
    matches_tokens: ClassVar[bool] = True
    uses_all_labelled: ClassVar[bool] = False

    nearest: int = NEAREST
    shares: Mapping[Kind, float] = field(default_factory=lambda: dict(SHARES))

    def prepare(self, material: Material, base: Encoder, model: SentenceTransformer, recipe: Recipe) -> Training:
        """See TrainedMethod. It raises DataError for cached gradients too, which this loss has not."""
        squad = material.require_squad(self.name)
        if recipe.mini_batch:
            raise DataError("late has no cached gradients; leave out --mini-batch, or give a smaller --batch.")
        texts = material.texts
        rows, teacher = late_rows(
            texts,
            squad,
            base,
            count=recipe.row_count,
            seed=recipe.seed,
            nearest=self.nearest,
            shares=self.shares,
        )
        loss = TokenObjectiveLoss(model, LateDistillationLoss(teacher), base.query_prefix)
        return Training(rows, loss, f"{len(texts)} parallel texts, {len(teacher.passages)} passages")


@dataclass(frozen=True, slots=True)
class EnglishTeacher:
    """The English side as the untouched encoder embeds it: unit vectors of n originals and m passages.

    `originals` are the token vectors of each, (tokens, d); `anchors` (n, d) their whole vectors. `passages` are token
    vectors, pooled as a library stores them. `near` (n, k) are the passages that an original brings. Where
    `is_answered` (n,) is true, the first of them is the right one.
    """

    originals: Sequence[Tensor]
    anchors: Tensor
    passages: Sequence[Tensor]
    near: Tensor
    is_answered: Tensor


@dataclass(frozen=True, slots=True)
class LateDistillationLoss:
    """KL(teacher's ranking || student's) + contrast · CE(student's, right passage) + pull · (1 - cos(x, anchor)).

    A ranking is the softmax of `scale` times the late scores of all passages that the batch brings. The second term is
    over texts that have a right passage. The third holds the vector of the whole text, which finds the candidates,
    near the vector of its original.
    """

    teacher: EnglishTeacher = field(repr=False)
    pull: float = 10.0
    contrast: float = 0.5
    scale: float = 60.0

    def __call__(self, texts: EmbeddedTexts, labels: Tensor) -> Tensor:
        """The loss, a scalar; labels (B,) are the numbers of the texts' originals."""
        device, numbers = texts.tokens.device, labels.cpu()
        near, places = torch.unique(self.teacher.near[numbers], return_inverse=True)
        passages = [self.teacher.passages[n].to(device) for n in near]
        originals, original_mask = pad_tokens([self.teacher.originals[n] for n in numbers])
        with torch.no_grad():
            target = functional.softmax(
                self.scale * late_scores(originals.to(device), original_mask.to(device), passages), dim=-1
            )
        scores = self.scale * late_scores(texts.tokens, texts.mask, passages)
        divergence = functional.kl_div(functional.log_softmax(scores, dim=-1), target, reduction="batchmean")
        is_answered = self.teacher.is_answered[numbers].to(device)
        entropies = functional.cross_entropy(scores, places[:, 0].to(device), reduction="none")
        contrast = (entropies * is_answered).sum() / is_answered.sum().clamp(min=1)
        distance = (1 - (texts.vectors * self.teacher.anchors[numbers].to(device)).sum(dim=-1)).mean()
        return divergence + self.contrast * contrast + self.pull * distance


def late_rows(
    texts: Sequence[ParallelText],
    squad: ParallelSquad,
    encoder: Encoder,
    *,
    count: int,
    seed: int,
    nearest: int = NEAREST,
    shares: Mapping[Kind, float] = SHARES,
) -> tuple[Dataset, EnglishTeacher]:
    """Rows (text, label): translations, and the number of each one's English original.

    An original that is a question of `squad` has a right passage; for other sentences only the ranking is learnt.
    Raises DataError if there is nothing to train on.
    """
    rows = draw_kinds(texts, count, random.Random(seed), shares)
    originals = list(dict.fromkeys(row.english for row in rows))
    numbers = {text: n for n, text in enumerate(originals)}
    places = {id_: n for n, id_ in enumerate(squad.passages["en"])}
    right = {question.text: places[question.passage_id] for question in squad.questions["en"]}
    vectors, tokens = encoder.encode_passage_tokens(list(squad.passages["en"].values()))
    anchors = encoder.encode_queries(originals)
    scores = anchors @ vectors.T
    for n, text in enumerate(originals):
        if text in right:
            scores[n, right[text]] = np.inf
    teacher = EnglishTeacher(
        [from_numpy(encoder.encode_query_tokens(text)) for text in originals],
        from_numpy(anchors),
        [from_numpy(pool_tokens(passage)) for passage in tokens],
        from_numpy(np.argsort(-scores, axis=1, kind="stable")[:, :nearest].copy()),
        torch.tensor([text in right for text in originals]),
    )
    columns = {
        "text": [encoder.query_prefix + row.text for row in rows],
        "label": [numbers[row.english] for row in rows],
    }
    return Dataset.from_dict(columns), teacher

"""Anchoring (distillation): a text is pulled to where the untouched encoder puts its English original.

After Reimers and Gurevych, "Making monolingual sentence embeddings multilingual using knowledge distillation"
(arXiv 2004.09813), and LiRA's anchor (arXiv 2510.14466): the English side h(y) is frozen, so English, and any index
of English passages, stays where it is.
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
from retriever.alignment.names import name_lists, name_pairs
from retriever.alignment.objective import Columns, ObjectiveLoss
from retriever.alignment.recipe import Recipe
from retriever.alignment.sampling import draw_kinds
from retriever.models.encoder import Encoder

SHARES: dict[Kind, float] = {"question": 0.4, "pair": 0.2, "name": 0.2, "english": 0.1, "piece": 0.1}
"""The part of the rows that each kind of text has."""


@dataclass(frozen=True, slots=True)
class Anchoring:
    """The method "distill".

    `names` adds lists of names of places, languages and currencies. `query_side` leaves passages to the untouched
    encoder. `shares` gives each kind's part of the rows.
    """

    name: ClassVar[str] = "distill"
    keeps_english_queries: ClassVar[bool] = True
    matches_tokens: ClassVar[bool] = False
    uses_all_labelled: ClassVar[bool] = False

    names: bool = False
    query_side: bool = False
    shares: Mapping[Kind, float] = field(default_factory=lambda: dict(SHARES))

    @property
    def keeps_passages(self) -> bool:
        """See Method."""
        return self.query_side

    def prepare(self, material: Material, base: Encoder, model: SentenceTransformer, recipe: Recipe) -> Training:
        """See TrainedMethod. With `names` it raises DataError if the packages of names are not installed."""
        texts = material.texts
        if self.names:
            pairs = name_pairs(sorted({text.language for text in texts}))
            texts += name_lists(pairs, round(recipe.row_count * self.shares["name"]), recipe.seed)
        rows, loss = anchoring_rows(texts, base, count=recipe.row_count, seed=recipe.seed, shares=self.shares)
        return Training(rows, ObjectiveLoss(model, loss, recipe.mini_batch), f"{len(texts)} parallel texts")


@dataclass(frozen=True, slots=True)
class AnchoringLoss:
    """pull · (1 - cos(g(x), h(y))) + contrast · CE(scale · cos(g(x), h of the batch), y).

    `anchors` (n, d) are the frozen unit vectors h of the English texts; a row's label is the number of its English
    original. Rows of one batch with the same original are no negatives of each other.
    """

    anchors: Tensor = field(repr=False)
    pull: float = 10.0
    contrast: float = 1.0
    scale: float = 30.0

    @property
    def columns(self) -> tuple[str, ...]:
        """Text."""
        return ("text",)

    def __call__(self, columns: Columns, labels: Tensor | None) -> Tensor:
        """The loss, a scalar; labels (B,) index `anchors`."""
        if labels is None:
            raise ValueError("AnchoringLoss needs the label column: the number of each row's English original.")
        text = functional.normalize(columns["text"], dim=-1)
        anchors = self.anchors.to(text.device)[labels.long()]
        scores = text @ anchors.T
        places = torch.arange(len(text), device=text.device)
        same_original = (labels[:, None] == labels[None, :]) & (places[:, None] != places[None, :])
        contrast = functional.cross_entropy((self.scale * scores).masked_fill(same_original, -torch.inf), places)
        return self.pull * (1 - scores.diagonal()).mean() + self.contrast * contrast


def anchoring_rows(
    texts: Sequence[ParallelText], encoder: Encoder, *, count: int, seed: int, shares: Mapping[Kind, float]
) -> tuple[Dataset, AnchoringLoss]:
    """Rows (text, label), and the loss with its anchors, which the untouched encoder embeds.

    `shares` and errors as in `draw_kinds`.
    """
    rows = draw_kinds(texts, count, random.Random(seed), shares)
    numbers: dict[tuple[bool, str], int] = {}
    for row in rows:
        numbers.setdefault((row.is_passage, row.english), len(numbers))
    anchors = np.empty((len(numbers), encoder.dimensions), dtype=np.float32)
    for is_passage, encode in ((False, encoder.encode_queries), (True, encoder.encode_passages)):
        role_numbers = {english: n for (passage, english), n in numbers.items() if passage is is_passage}
        if role_numbers:
            anchors[list(role_numbers.values())] = encode(list(role_numbers))
    prefixes = {True: encoder.passage_prefix, False: encoder.query_prefix}
    dataset = Dataset.from_dict(
        {
            "text": [prefixes[row.is_passage] + row.text for row in rows],
            "label": [numbers[row.is_passage, row.english] for row in rows],
        }
    )
    return dataset, AnchoringLoss(from_numpy(anchors))

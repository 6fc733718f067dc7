"""Weighted hard negatives for a labelled knowledge base (arXiv 2506.02527, Algorithm 1)."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from torch.nn import functional

from retriever.alignment.methods.clear import cosines
from retriever.alignment.objective import Columns
from retriever.data.labelled import LabelledQuery
from retriever.errors import DataError
from retriever.models.encoder import Encoder

Similarity = Callable[[str, str], float]
Sampling = Literal["mixed", "random", "hard", "hardest"]
"""Which negatives: one random and k weighted (Algorithm 1); all random; all weighted; always the nearest labels."""


@dataclass(frozen=True, slots=True)
class ContrastLoss:
    """InfoNCE over the row's positive and negatives and, `in_batch`, those of the other rows.

    Labels, if the rows have them, keep a passage with the anchor's own label out of its negatives: in a knowledge
    base two rows of a batch often mean the same thing.
    """

    negatives: int
    in_batch: bool = True
    scale: float = 20.0

    @property
    def columns(self) -> tuple[str, ...]:
        """anchor, positive, negative_1…n."""
        return ("anchor", "positive", *(f"negative_{n}" for n in range(1, self.negatives + 1)))

    def __call__(self, columns: Columns, labels: Tensor | None = None) -> Tensor:
        """The loss, a scalar; labels (B,) number the anchors' labels."""
        anchor, positive = columns["anchor"], columns["positive"]
        own = torch.arange(len(anchor), device=anchor.device)
        other = own[:, None] != own[None, :]
        among = self.scale * cosines(anchor, positive)
        blocked = other if not self.in_batch else torch.zeros_like(other)
        if labels is not None:
            blocked = blocked | (other & (labels[:, None] == labels[None, :]))
        scores = [among.masked_fill(blocked, -torch.inf)]
        for n in range(1, self.negatives + 1):
            scores.append(self.scale * cosines(anchor, columns[f"negative_{n}"]).diagonal()[:, None])
        return functional.cross_entropy(torch.cat(scores, dim=1), own)


def label_similarity(encoder: Encoder, labels: Sequence[str]) -> Similarity:
    """Of the embedded label names ("CREATE_ALARM" as "create alarm"), (1 + cosine) / 2; the replaceable default.

    The paper leaves it open. Vectors are centred first: encoders like e5 put all texts within a narrow cone, where
    plain cosines (.75 to 1) would make the draw all but uniform.
    """
    names = list(dict.fromkeys(labels))
    vectors = encoder.encode_queries([name.replace("_", " ").lower() for name in names])
    vectors = vectors - vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    place = {name: n for n, name in enumerate(names)}
    return lambda left, right: float(1 + vectors[place[left]] @ vectors[place[right]]) / 2


def split_knowledge_base(
    rows: Sequence[LabelledQuery], index_share: float, rng: random.Random
) -> tuple[list[LabelledQuery], list[LabelledQuery]]:
    """N1 to find things in and N2 to train on; every label of N2 is in N1. Raises DataError if that cannot be.

    Queries without an English original can only be trained on.
    """
    originals = [row for row in rows if row.english]
    shuffled = rng.sample(originals, len(originals))
    first: dict[str, LabelledQuery] = {}
    for row in shuffled:
        first.setdefault(row.label, row)
    kept = list(first.values())
    rest = [row for row in shuffled if first[row.label] is not row]
    size = max(0, round(index_share * len(shuffled)) - len(kept))
    index = kept + rest[:size]
    training = rest[size:] + [row for row in rows if not row.english and row.label in first]
    if not training or len(first) < 2:
        raise DataError(f"{len(rows)} rows with {len(first)} labels are too few to split and contrast.")
    return index, training


def draw_negatives(
    label: str,
    by_label: dict[str, list[LabelledQuery]],
    similarity: Similarity,
    *,
    hard: int,
    sampling: Sampling,
    rng: np.random.Generator,
) -> list[LabelledQuery]:
    """1 + `hard` rows of N1 with other labels.

    Mixed: one at random, and `hard` whose labels are drawn without replacement with probability proportional to
    their similarity to `label`, never by an argmax.
    """
    others = sorted(other for other in by_label if other != label)
    weights = np.array([max(similarity(label, other), 1e-6) for other in others])
    count = 1 + hard
    if sampling == "hardest":
        chosen = [others[n] for n in np.argsort(-weights, kind="stable")[:count]]
    elif sampling == "random":
        sizes = np.array([len(by_label[other]) for other in others], dtype=float)
        chosen = [others[n] for n in rng.choice(len(others), count, replace=len(others) < count, p=sizes / sizes.sum())]
    else:
        drawn = count if sampling == "hard" else hard
        picked = rng.choice(len(others), min(drawn, len(others)), replace=False, p=weights / weights.sum())
        chosen = [others[n] for n in picked]
        while len(chosen) < count:
            chosen.append(others[int(rng.integers(len(others)))])
    return [by_label[other][int(rng.integers(len(by_label[other])))] for other in chosen]


def weighted_rows(
    index: Sequence[LabelledQuery],
    training: Sequence[LabelledQuery],
    encoder: Encoder,
    *,
    sampling: Sampling = "mixed",
    hard: int = 2,
    rounds: int = 1,
    seed: int = 1,
    similarity: Similarity | None = None,
    in_batch: bool = True,
) -> tuple[Dataset, ContrastLoss]:
    """Algorithm 1: for each training query in its own language a positive and 1 + `hard` negatives from N1.

    `rounds` passes over the training queries, with fresh draws each; `in_batch` as in Contrast.
    """
    rng = np.random.default_rng(seed)
    by_label: dict[str, list[LabelledQuery]] = {}
    for row in index:
        by_label.setdefault(row.label, []).append(row)
    numbers = {label: n for n, label in enumerate(sorted(by_label))}
    alike = similarity or label_similarity(encoder, list(numbers))
    columns: dict[str, list[str]] = {name: [] for name in ContrastLoss(1 + hard).columns}
    labels: list[int] = []
    for _ in range(rounds):
        for n in rng.permutation(len(training)):
            row = training[int(n)]
            same = by_label[row.label]
            columns["anchor"].append(encoder.query_prefix + row.text)
            columns["positive"].append(encoder.passage_prefix + same[int(rng.integers(len(same)))].english)
            negatives = draw_negatives(row.label, by_label, alike, hard=hard, sampling=sampling, rng=rng)
            for k, negative in enumerate(negatives, start=1):
                columns[f"negative_{k}"].append(encoder.passage_prefix + negative.english)
            labels.append(numbers[row.label])
    return Dataset.from_dict({**columns, "label": labels}), ContrastLoss(1 + hard, in_batch)

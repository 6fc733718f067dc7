"""Weighted hard negatives for a labelled knowledge base (arXiv 2506.02527, Algorithm 1)."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn import functional

from retriever.alignment.data import Material
from retriever.alignment.methods.protocol import Training
from retriever.alignment.objective import Columns, ObjectiveLoss
from retriever.alignment.recipe import Recipe
from retriever.alignment.similarity import cosines
from retriever.data.labelled import LabelledQuery
from retriever.errors import DataError
from retriever.models.encoder import Encoder

Similarity = Callable[[str, str], float]
Sampling = Literal["mixed", "random", "hard", "hardest"]
"""Which negatives: one random and k weighted (Algorithm 1); all random; all weighted; always the nearest labels'."""
HARD = 2
"""Weighted negatives a row, beside the random one."""


@dataclass(frozen=True, slots=True)
class Weighted:
    """The method "weighted", for labelled queries in one language (or mix) and a knowledge base in English.

    `index_share` of the queries make the knowledge base. `in_batch` adds the positives of the batch's other rows to a
    row's negatives. `query_side` leaves passages to the untouched encoder. English queries are the tuned encoder's:
    code-switched queries are easily detected as English. All languages share the knowledge base, so none is left out.
    """

    name: ClassVar[str] = "weighted"
    keeps_english_queries: ClassVar[bool] = False
    matches_tokens: ClassVar[bool] = False
    uses_all_labelled: ClassVar[bool] = True

    sampling: Sampling = "mixed"
    in_batch: bool = True
    index_share: float = 0.3
    query_side: bool = False

    @property
    def keeps_passages(self) -> bool:
        """See Method."""
        return self.query_side

    def prepare(self, material: Material, base: Encoder, model: SentenceTransformer, recipe: Recipe) -> Training:
        """See TrainedMethod."""
        if not material.labelled:
            raise DataError("weighted needs labelled queries: a folder with train.tsv and validation.tsv, or .jsonl.")
        index, training = split_knowledge_base(material.labelled, self.index_share, random.Random(recipe.seed))
        rounds = -(-recipe.row_count // len(training))
        rows, loss = weighted_rows(
            index,
            training,
            base,
            sampling=self.sampling,
            rounds=rounds,
            seed=recipe.seed,
            in_batch=self.in_batch,
        )
        rows = rows.select_columns([*loss.columns, "label"])
        entropy = draw_entropy(index, base)
        note = f"{self.sampling} negatives; entropy of the weighted draw {entropy:.3f} of a uniform one's"
        return Training(rows, ObjectiveLoss(model, loss, recipe.mini_batch), note)


@dataclass(frozen=True, slots=True)
class ContrastLoss:
    """InfoNCE over the row's positive and negatives and, with `in_batch`, the positives of the other rows.

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
        places = torch.arange(len(anchor), device=anchor.device)
        other_row = places[:, None] != places[None, :]
        excluded = other_row if not self.in_batch else torch.zeros_like(other_row)
        if labels is not None:
            excluded = excluded | (other_row & (labels[:, None] == labels[None, :]))
        scores = [(self.scale * cosines(anchor, positive)).masked_fill(excluded, -torch.inf)]
        for n in range(1, self.negatives + 1):
            scores.append(self.scale * cosines(anchor, columns[f"negative_{n}"]).diagonal()[:, None])
        return functional.cross_entropy(torch.cat(scores, dim=1), places)


def label_similarity(encoder: Encoder, labels: Sequence[str]) -> Similarity:
    """Of the embedded label names ("CREATE_ALARM" as "create alarm"), (1 + cosine) / 2; the replaceable default.

    The paper leaves it open. Vectors are centred first: encoders like e5 put all texts within a narrow cone, where
    plain cosines (.75 to 1) would make the draw all but uniform.
    """
    names = list(dict.fromkeys(labels))
    vectors = encoder.encode_queries([name.replace("_", " ").lower() for name in names])
    vectors = vectors - vectors.mean(axis=0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    places = {name: n for n, name in enumerate(names)}
    return lambda left, right: float(1 + vectors[places[left]] @ vectors[places[right]]) / 2


def split_knowledge_base(
    rows: Sequence[LabelledQuery], index_share: float, rng: random.Random
) -> tuple[list[LabelledQuery], list[LabelledQuery]]:
    """The index N1, to find things in, and the training queries N2; every label of N2 is in N1.

    Queries without an English original can only be trained on. Raises DataError if there are too few rows or labels.
    """
    originals = [row for row in rows if row.english]
    shuffled = rng.sample(originals, len(originals))
    first_of_label: dict[str, LabelledQuery] = {}
    for row in shuffled:
        first_of_label.setdefault(row.label, row)
    index = list(first_of_label.values())
    rest = [row for row in shuffled if first_of_label[row.label] is not row]
    extra = max(0, round(index_share * len(shuffled)) - len(index))
    index += rest[:extra]
    training = rest[extra:] + [row for row in rows if not row.english and row.label in first_of_label]
    if not training or len(first_of_label) < 2:
        raise DataError(f"{len(rows)} rows with {len(first_of_label)} labels are too few to split and contrast.")
    return index, training


@dataclass(frozen=True, slots=True)
class NegativePool:
    """The queries of N1 with other labels than one, and each query's probability to be drawn as a hard negative."""

    queries: list[LabelledQuery]
    probabilities: NDArray[np.float64]

    @classmethod
    def of_label(cls, label: str, index: Sequence[LabelledQuery], similarity: Similarity) -> "NegativePool":
        """The pool for a label; probabilities are in proportion to the similarity of a query's label to it."""
        queries = [query for query in index if query.label != label]
        weights = {other: max(similarity(label, other), 1e-6) for other in {query.label for query in queries}}
        query_weights = np.array([weights[query.label] for query in queries])
        return cls(queries, query_weights / query_weights.sum())

    def draw(self, *, hard: int, sampling: Sampling, rng: np.random.Generator) -> list[LabelledQuery]:
        """1 + `hard` queries.

        Mixed: `hard` by their probabilities without replacement, never by an argmax, and one of all alike. Queries are
        drawn, not labels, so that a rare label is rare among the negatives.
        """
        if sampling == "hardest":
            return self._nearest(1 + hard, rng)
        weighted = {"random": 0, "mixed": hard, "hard": 1 + hard}[sampling]
        return self._choose(weighted, rng, self.probabilities) + self._choose(1 + hard - weighted, rng, None)

    @property
    def entropy(self) -> float:
        """The entropy of the weighted draw as a share of a uniform one's: 1 if similarities make no difference."""
        if len(self.queries) == 1:
            return 1.0
        return float(-(self.probabilities * np.log(self.probabilities)).sum() / np.log(len(self.queries)))

    def _choose(
        self, count: int, rng: np.random.Generator, probabilities: NDArray[np.float64] | None
    ) -> list[LabelledQuery]:
        """So many queries, without replacement unless there are fewer."""
        has_fewer = len(self.queries) < count
        return [self.queries[n] for n in rng.choice(len(self.queries), count, replace=has_fewer, p=probabilities)]

    def _nearest(self, count: int, rng: np.random.Generator) -> list[LabelledQuery]:
        """A query of each of the nearest labels; these again if there are too few labels."""
        by_label: dict[str, list[int]] = {}
        for n in np.argsort(-self.probabilities, kind="stable"):
            by_label.setdefault(self.queries[n].label, []).append(int(n))
        places = list(by_label.values())
        return [self.queries[int(rng.choice(places[n % len(places)]))] for n in range(count)]


def draw_entropy(index: Sequence[LabelledQuery], encoder: Encoder) -> float:
    """The mean entropy of the weighted draw over the labels of N1 (see NegativePool)."""
    labels = sorted({query.label for query in index})
    similarity = label_similarity(encoder, labels)
    return float(np.mean([NegativePool.of_label(label, index, similarity).entropy for label in labels]))


def weighted_rows(
    index: Sequence[LabelledQuery],
    training: Sequence[LabelledQuery],
    encoder: Encoder,
    *,
    sampling: Sampling = "mixed",
    hard: int = HARD,
    rounds: int = 1,
    seed: int = 1,
    similarity: Similarity | None = None,
    in_batch: bool = True,
) -> tuple[Dataset, ContrastLoss]:
    """Algorithm 1: for each training query in its own language a positive and 1 + `hard` negatives from N1.

    `rounds` passes over the training queries, with fresh draws each; `in_batch` as in ContrastLoss.
    """
    rng = np.random.default_rng(seed)
    by_label: dict[str, list[LabelledQuery]] = {}
    for row in index:
        by_label.setdefault(row.label, []).append(row)
    numbers = {label: n for n, label in enumerate(sorted(by_label))}
    similarity = similarity or label_similarity(encoder, list(numbers))
    pools = {label: NegativePool.of_label(label, index, similarity) for label in {row.label for row in training}}
    loss = ContrastLoss(1 + hard, in_batch)
    columns: dict[str, list[str]] = {name: [] for name in loss.columns}
    labels: list[int] = []
    for _ in range(rounds):
        for n in rng.permutation(len(training)):
            row = training[int(n)]
            positives = by_label[row.label]
            columns["anchor"].append(encoder.query_prefix + row.text)
            columns["positive"].append(encoder.passage_prefix + positives[int(rng.integers(len(positives)))].english)
            negatives = pools[row.label].draw(hard=hard, sampling=sampling, rng=rng)
            for k, negative in enumerate(negatives, start=1):
                columns[f"negative_{k}"].append(encoder.passage_prefix + negative.english)
            labels.append(numbers[row.label])
    return Dataset.from_dict({**columns, "label": labels}), loss

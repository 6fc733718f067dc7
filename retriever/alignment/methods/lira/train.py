"""Train LiRA's network over rows that are embedded: Arca, then LaSR, each by the trainer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator
from torch import Tensor

from retriever.alignment.methods.lira.losses import ArcaLoss, LasrLoss, NetworkModule, network_of, take
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import LiraRows, SimilarRows, reciprocal_ranks
from retriever.alignment.recipe import Recipe
from retriever.alignment.train import run_trainer
from retriever.models.lira import LiraNetwork, View

EMBED_BATCH = 512


class DevelopmentRecall(BaseEvaluator):
    """R@1 of held-out rows among all their documents, the mean over languages and translations.

    English queries do not pass through the network, so there is nothing to guard.
    """

    def __init__(self, rows: LiraRows) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.primary_metric = "guarded_mean"
        self.rows = rows

    def __call__(  # type: ignore[override]  # the library's own evaluators narrow it so
        self, model: SentenceTransformer, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """The trainer's call."""
        means = []
        for place in range(self.rows.candidates.vectors.shape[1]):
            hits = first_hits(fuse_rows(network_of(model), self.rows, place), self.rows)
            means.append(language_mean(hits, self.rows))
        return {"guarded_mean": float(np.mean(means))}


def train_lira(
    method: Lira,
    rows: LiraRows,
    recipe: Recipe,
    folder: Path,
    development: LiraRows | None = None,
    similar: SimilarRows | None = None,
) -> LiraNetwork:
    """A network trained on rows; checkpoints go to subfolders of `folder`, and training resumes from them.

    With `similar` it learns to score similarity too.
    """
    torch.manual_seed(recipe.seed)
    network = LiraNetwork(rows.own.vectors.shape[-1], sorted(set(rows.languages)))
    model = SentenceTransformer(modules=[NetworkModule(network)], device="cpu")
    arca_steps = round(recipe.steps * method.arca_share)
    stages = (
        (
            "arca",
            arca_steps,
            ArcaLoss(model, rows, method.weights, reciprocal_ranks(rows) if method.task_reward else None),
            None,
        ),
        (
            "lasr",
            recipe.steps - arca_steps,
            LasrLoss(model, rows, method.weights, method.queue, similar, method.similar_queue),
            DevelopmentRecall(development) if development is not None else None,
        ),
    )
    for name, steps, loss, evaluator in stages:
        if steps:
            stage = replace(recipe, steps=steps)
            run_trainer(model, _numbers(rows, stage), loss, stage, folder / name, evaluator)
    return network.cpu().eval()


@torch.no_grad()
def fuse_rows(network: LiraNetwork, rows: LiraRows, place: int) -> Tensor:
    """Each row's query fused with its translation number `place`, (N, d)."""
    vectors = []
    languages = network.language_numbers(rows.languages)
    for numbers in torch.split(torch.arange(len(rows)), EMBED_BATCH):
        candidates = take(rows.candidates, numbers, network.device)
        english = View(candidates.vectors[:, place], candidates.bins[:, place])
        own = take(rows.own, numbers, network.device)
        vectors.append(network.fuse(own, english, languages[numbers]).vectors)
    return torch.cat(vectors).cpu()


def first_hits(queries: Tensor, rows: LiraRows) -> NDArray[np.bool_]:
    """Whether each query's nearest document is its own, or one of the same text, (N,)."""
    scores = queries @ rows.documents.T
    nearest = scores.argmax(dim=1)
    return ((rows.documents[nearest] * rows.documents).sum(dim=1) > 1 - 1e-4).numpy()


def language_mean(values: NDArray[Any], rows: LiraRows) -> float:
    """The mean over languages of the means of their rows' values, (N,)."""
    return float(np.mean([values[numbers].mean() for numbers in language_rows(rows).values()]))


def language_rows(rows: LiraRows) -> dict[str, list[int]]:
    """The numbers of each language's rows."""
    numbers: dict[str, list[int]] = {}
    for number, language in enumerate(rows.languages):
        numbers.setdefault(language, []).append(number)
    return numbers


def _numbers(rows: LiraRows, recipe: Recipe) -> Dataset:
    """`recipe.row_count` numbers of rows, each once before any comes again."""
    order = np.random.default_rng(recipe.seed)
    rounds = -(-recipe.row_count // len(rows))
    numbers = np.concatenate([order.permutation(len(rows)) for _ in range(rounds)])[: recipe.row_count]
    return Dataset.from_dict({"row": [str(number) for number in numbers]})

"""From a loss over named columns of embeddings to what sentence-transformers' trainer calls.

Every method of this package is an objective: a pure function of embeddings that names its columns. The one
adapter here calls the model for it, at once or in mini-batches with cached gradients (GradCache,
arXiv 2101.06983), which changes memory and time, not the gradients.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses.gradcache import CachedLossMixin
from torch import Tensor, nn

from retriever.errors import DataError

Columns = Mapping[str, Tensor]


class Objective(Protocol):
    """A loss of embeddings."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The text columns whose embeddings it takes, in the order they are embedded."""
        ...

    def __call__(self, columns: Columns, labels: Tensor | None) -> Tensor:
        """The loss of a batch: each column is (batch, dimensions), `labels` (batch,) if the rows have them."""
        ...


class ObjectiveLoss(CachedLossMixin, nn.Module):
    """A sentence-transformers loss made of an objective. With `mini_batch_size`, gradients are cached."""

    def __init__(self, model: SentenceTransformer, objective: Objective, mini_batch_size: int | None = None) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        self.mini_batch_size = mini_batch_size or 0
        self.mini_batch_num_tokens = None
        self.show_progress_bar = False
        self.uses_gradient_cache = mini_batch_size is not None

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """The loss of a batch as the trainer hands it over."""
        features = list(sentence_features)
        if len(features) != len(self.objective.columns):
            raise DataError(f"The rows have {len(features)} columns of text, {self.objective.columns} are needed.")
        if not self.uses_gradient_cache:
            return self._loss([self.model(each)["sentence_embedding"] for each in features], labels)
        return self.forward_cached(features, labels)

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """GradCache's second step: the loss of embeddings that came in mini-batches."""
        loss = self._loss([torch.cat(parts) for parts in reps], labels)
        if with_backward:
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()
        return loss

    def get_config_dict(self) -> dict[str, Any]:
        """For the model card."""
        return {"objective": repr(self.objective), "mini_batch_size": self.mini_batch_size or None}

    def _loss(self, embeddings: list[Tensor], labels: Tensor | None) -> Tensor:
        named = {name: vectors.float() for name, vectors in zip(self.objective.columns, embeddings, strict=True)}
        return self.objective(named, labels)

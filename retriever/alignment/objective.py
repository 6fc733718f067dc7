"""From a loss over named embeddings to what sentence-transformers' trainer calls.

Every loss of this package is an objective: a pure function of embeddings that names its columns and holds no model.
The adapters here call the model for it. `ObjectiveLoss` does so at once or in mini-batches with cached gradients
(GradCache, arXiv 2101.06983), which changes memory and time, not the gradients. `TokenObjectiveLoss` serves losses
that take token vectors too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses.gradcache import CachedLossMixin
from torch import Tensor, nn
from torch.nn import functional

from retriever.alignment.distributed import share_rows
from retriever.errors import DataError
from retriever.models.backends.pytorch import control_ids, map_tokens, prompt_length

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


@dataclass(frozen=True, slots=True)
class EmbeddedTexts:
    """A batch of B texts: unit vectors of their tokens (B, longest, d) and of the whole texts (B, d).

    `mask` (B, longest) is true at a text's own tokens.
    """

    tokens: Tensor
    mask: Tensor
    vectors: Tensor


class TokenObjective(Protocol):
    """A loss of token vectors."""

    def __call__(self, texts: EmbeddedTexts, labels: Tensor) -> Tensor:
        """The loss of a batch; `labels` (B,)."""
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
        """The loss of a batch of the trainer's. Raises DataError if its columns are not the objective's in number."""
        features = list(sentence_features)
        if len(features) != len(self.objective.columns):
            raise DataError(f"The rows have {len(features)} columns of text, {self.objective.columns} are needed.")
        if not self.uses_gradient_cache:
            return self._loss([self.model(column)["sentence_embedding"] for column in features], labels)
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
        columns = {name: vectors.float() for name, vectors in zip(self.objective.columns, embeddings, strict=True)}
        return self.objective(columns, labels)


class TokenObjectiveLoss(nn.Module):
    """A sentence-transformers loss of rows (text, label), made of an objective that takes token vectors.

    `prompt` is the prefix that the texts carry; its tokens are not the text's own.
    """

    def __init__(self, model: SentenceTransformer, objective: TokenObjective, prompt: str) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        self._prompt_tokens = prompt_length(model.tokenizer, prompt)
        self._special_ids = torch.tensor(control_ids(model.tokenizer))

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """The loss of a batch as the trainer hands it over."""
        (features,) = sentence_features
        mask = self.content_mask(features["input_ids"], features["attention_mask"].bool())
        tokens, vectors = share_rows(self._embed, features)
        return self.objective(EmbeddedTexts(tokens, mask, vectors), labels)

    def _embed(self, features: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Unit vectors of the tokens and of the texts."""
        output = self.model(features)
        tokens = map_tokens(self.model, "query", output["token_embeddings"])
        vectors = output["sentence_embedding"]
        return functional.normalize(tokens.float(), dim=-1), functional.normalize(vectors.float(), dim=-1)

    def content_mask(self, ids: Tensor, attention: Tensor) -> Tensor:
        """Which tokens of a batch are the texts' own: neither special nor padding nor the prompt's, (B, longest).

        All that are not padding if no other is left; as `retriever.models.backends.tokens.content_tokens`.
        """
        mask = attention & ~torch.isin(ids, self._special_ids.to(ids.device))
        mask &= mask.cumsum(dim=1) > self._prompt_tokens
        return torch.where(mask.any(dim=1, keepdim=True), mask, attention)

"""CLEAR: cross-lingual alignment by reverse training (arXiv 2604.05821)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from retriever.alignment.methods.anchoring import AnchoringLoss
from retriever.alignment.objective import Columns


@dataclass(frozen=True, slots=True)
class ClearLoss:
    """The CLEAR objective, over rows of English query and passage and the query in a target language.

    With s(a, b) = scale · cos(a, b), C_d the passages of the batch and their hard negatives, C_q the target
    queries of the batch and theirs, O = s(query, C_d), R = s(passage, C_q), all of shape (B, B · (1 + n)):

        L = (1 - alpha - beta) · CE(O, i)  +  alpha · CE(R, i)  +  beta · KL(softmax R || softmax O)

    The passage is the bridge: candidate in O, anchor in R. No term puts a target query in the query's role
    against passages. Gradients flow through both sides of the KL (batchmean). alpha 0, beta 0 is InfoNCE.
    """

    negatives: int = 1
    alpha: float = 0.4
    beta: float = 0.2
    scale: float = 20.0

    @property
    def columns(self) -> tuple[str, ...]:
        """query, passage, negative_passage_1…n, target_query, negative_target_query_1…n."""
        numbers = range(1, self.negatives + 1)
        return (
            "query",
            "passage",
            *(f"negative_passage_{n}" for n in numbers),
            "target_query",
            *(f"negative_target_query_{n}" for n in numbers),
        )

    def __call__(self, columns: Columns, labels: Tensor | None = None) -> Tensor:
        """The loss, a scalar."""
        numbers = range(1, self.negatives + 1)
        passages = [columns["passage"], *(columns[f"negative_passage_{n}"] for n in numbers)]
        queries = [columns["target_query"], *(columns[f"negative_target_query_{n}"] for n in numbers)]
        forward = self.scale * cosines(columns["query"], torch.cat(passages))
        reverse = self.scale * cosines(columns["passage"], torch.cat(queries))
        own = torch.arange(len(forward), device=forward.device)
        divergence = functional.kl_div(
            functional.log_softmax(forward, dim=1),
            functional.log_softmax(reverse, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        return (
            (1 - self.alpha - self.beta) * functional.cross_entropy(forward, own)
            + self.alpha * functional.cross_entropy(reverse, own)
            + self.beta * divergence
        )


def cosines(left: Tensor, right: Tensor) -> Tensor:
    """Cosine of every row of (m, d) with every row of (n, d): (m, n)."""
    return functional.normalize(left, dim=-1) @ functional.normalize(right, dim=-1).T


@dataclass(frozen=True, slots=True)
class AnchoredClearLoss:
    """CLEAR, and beside it the target query pulled to where the untouched encoder puts the English one.

    CLEAR never puts a target query in the query's role; the anchor does, by English's place.
    """

    clear: ClearLoss
    anchoring: AnchoringLoss

    @property
    def columns(self) -> tuple[str, ...]:
        """CLEAR's."""
        return self.clear.columns

    def __call__(self, columns: Columns, labels: Tensor | None) -> Tensor:
        """The loss, a scalar; labels (B,) say which anchor is the English query's."""
        return self.clear(columns) + self.anchoring({"text": columns["target_query"]}, labels)

"""AnchoringLoss (distillation): a text is pulled to where the untouched encoder puts its English original.

After Reimers and Gurevych, "Making monolingual sentence embeddings multilingual using knowledge distillation"
(arXiv 2004.09813), and LiRA's anchor (arXiv 2510.14466): the English side h(y) is frozen, so English, and any index
of English passages, stays where it is.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from retriever.alignment.objective import Columns


@dataclass(frozen=True, slots=True)
class AnchoringLoss:
    """pull · (1 - cos(g(x), h(y))) + contrast · CE(scale · cos(g(x), h of the batch), y).

    `anchors` (n, d) are the frozen unit vectors h of the English texts; a row's label says which of them is its
    English original. Rows of one batch with the same original are no negatives of each other.
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
        own = torch.arange(len(text), device=text.device)
        same = (labels[:, None] == labels[None, :]) & (own[:, None] != own[None, :])
        contrast = functional.cross_entropy((self.scale * scores).masked_fill(same, -torch.inf), own)
        return self.pull * (1 - scores.diagonal()).mean() + self.contrast * contrast

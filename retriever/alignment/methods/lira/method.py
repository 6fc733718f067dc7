"""The method "lira": its two stages, trained one after the other over frozen encoders."""

from dataclasses import dataclass, field
from typing import ClassVar

from retriever.alignment.methods.lira.losses import Weights


@dataclass(frozen=True, slots=True)
class Lira:
    """LiRA: queries alone change, and only where there is a translation of them.

    `queue` is the number of earlier rows whose documents are wrong answers too, `similar_queue` that of earlier pairs
    that are ordered by similarity with the batch's. `arca_share` is the part of the steps that stage 1 takes.
    With `task_reward` the actor is rewarded by the rank of the right document, not by the critics; this is ours.
    """

    name: ClassVar[str] = "lira"
    keeps_passages: ClassVar[bool] = True
    keeps_english_queries: ClassVar[bool] = True
    matches_tokens: ClassVar[bool] = False
    uses_all_labelled: ClassVar[bool] = False

    queue: int = 1024
    similar_queue: int = 256
    arca_share: float = 0.3
    task_reward: bool = False
    weights: Weights = field(default_factory=Weights)

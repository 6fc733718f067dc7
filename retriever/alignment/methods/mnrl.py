"""MNRL: in-batch negatives by sentence-transformers' MultipleNegativesRankingLoss, CLEAR's baseline."""

from dataclasses import dataclass
from typing import ClassVar

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)

from retriever.alignment.data import Material
from retriever.alignment.methods.clear import NEGATIVES, clear_rows
from retriever.alignment.methods.protocol import Training
from retriever.alignment.recipe import Recipe
from retriever.models.encoder import Encoder


@dataclass(frozen=True, slots=True)
class MNRL:
    """The method "mnrl": a target query against English passages. `negatives` are hard negatives a row.

    `query_side` leaves passages to the untouched encoder.
    """

    name: ClassVar[str] = "mnrl"
    keeps_english_queries: ClassVar[bool] = True
    matches_tokens: ClassVar[bool] = False
    uses_all_labelled: ClassVar[bool] = False

    negatives: int = NEGATIVES
    scale: float = 20.0
    query_side: bool = False

    @property
    def keeps_passages(self) -> bool:
        """See Method."""
        return self.query_side

    @property
    def columns(self) -> list[str]:
        """The columns of CLEAR's rows that the loss takes, by position: target query, passage, negative passages."""
        return ["target_query", "passage", *(f"negative_passage_{n}" for n in range(1, self.negatives + 1))]

    def prepare(self, material: Material, base: Encoder, model: SentenceTransformer, recipe: Recipe) -> Training:
        """See TrainedMethod."""
        squad = material.require_squad(self.name)
        rows = clear_rows(squad, base, count=recipe.row_count, negatives=self.negatives, seed=recipe.seed)
        rows = rows.select_columns(self.columns)
        if recipe.mini_batch:
            cached = CachedMultipleNegativesRankingLoss(model, scale=self.scale, mini_batch_size=recipe.mini_batch)
            note = f"CachedMultipleNegativesRankingLoss(scale={self.scale})"
            return Training(rows, cached, note, unique_texts=True)
        plain = MultipleNegativesRankingLoss(model, scale=self.scale)
        return Training(rows, plain, f"MultipleNegativesRankingLoss({self.scale})", unique_texts=True)

"""The methods of `isthmus align`: each is rows and a loss."""

import random

from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from torch import from_numpy, nn

from retriever.alignment.data import anchoring_rows
from retriever.alignment.methods.anchoring import AnchoringLoss
from retriever.alignment.methods.clear import AnchoredClearLoss, ClearLoss
from retriever.alignment.methods.late_distillation import LateDistillationLoss, late_rows
from retriever.alignment.methods.weighted import split_knowledge_base, weighted_rows
from retriever.alignment.names import name_lists, name_pairs
from retriever.alignment.objective import ObjectiveLoss
from retriever.alignment.parallel_rows import clear_rows, mnrl_columns
from retriever.alignment.plan import Material, Plan
from retriever.errors import DataError
from retriever.models.encoder import Encoder


def rows_and_loss(
    plan: Plan, material: Material, base: Encoder, model: SentenceTransformer
) -> tuple[Dataset, nn.Module, str]:
    """What the plan's method trains the model on and by, and a note for the card. Raises DataError for lack of data."""
    count, mini, seed = plan.recipe.steps * plan.recipe.batch, plan.recipe.mini_batch, plan.recipe.seed
    if plan.method == "distill":
        texts = material.texts
        if plan.names:
            pairs = name_pairs(sorted({text.language for text in texts}))
            texts += name_lists(pairs, round(count * plan.shares["name"]), seed)
        rows, anchoring = anchoring_rows(texts, base, count=count, seed=seed, shares=plan.shares)
        return rows, ObjectiveLoss(model, anchoring, mini), f"{len(texts)} parallel texts"
    if plan.method == "weighted":
        if not material.labelled:
            raise DataError("weighted needs labelled queries: a folder with train.tsv and validation.tsv, or .jsonl.")
        index, training = split_knowledge_base(material.labelled, 0.3, random.Random(seed))
        rounds = -(-count // len(training))
        rows, contrast = weighted_rows(
            index, training, base, sampling=plan.sampling, rounds=rounds, seed=seed, in_batch=plan.in_batch
        )
        return rows.select_columns([*contrast.columns, "label"]), ObjectiveLoss(model, contrast, mini), plan.sampling
    if not material.train:
        raise DataError(f"{plan.method} needs parallel SQuAD data: a folder of files named like xquad.ro.json.")
    if plan.method == "late":
        if mini:
            raise DataError("late has no cached gradients; leave out --mini-batch, or give a smaller --batch.")
        texts = material.texts
        rows, english = late_rows(texts, material.train, base, count=count, seed=seed)
        late = LateDistillationLoss(model, english, base.query_prefix)
        return rows, late, f"{len(texts)} parallel texts, {len(english.passages)} passages"
    rows = clear_rows(
        material.train, base, count=count, negatives=plan.negatives, seed=seed, languages=plan.languages or None
    )
    clear = ClearLoss(plan.negatives, plan.alpha, plan.beta, plan.scale)
    if plan.method == "clear":
        return rows.select_columns(list(clear.columns)), ObjectiveLoss(model, clear, mini), repr(clear)
    if plan.method == "clear-distill":
        originals = base.encode_queries([question.text for question in material.train.questions["en"]])
        both = AnchoredClearLoss(clear, AnchoringLoss(from_numpy(originals)))
        return rows.select_columns([*both.columns, "label"]), ObjectiveLoss(model, both, mini), repr(both)
    rows = rows.select_columns(mnrl_columns(plan.negatives))
    if mini:
        cached = CachedMultipleNegativesRankingLoss(model, scale=plan.scale, mini_batch_size=mini)
        return rows, cached, f"CachedMultipleNegativesRankingLoss(scale={plan.scale})"
    return rows, MultipleNegativesRankingLoss(model, scale=plan.scale), f"MultipleNegativesRankingLoss({plan.scale})"

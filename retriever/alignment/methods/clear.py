"""CLEAR: cross-lingual alignment by reverse training (arXiv 2604.05821), alone or with anchoring."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from torch import Tensor, from_numpy
from torch.nn import functional

from retriever.alignment.data import Material
from retriever.alignment.methods.anchoring import AnchoringLoss
from retriever.alignment.methods.protocol import Training
from retriever.alignment.mining import RANKS, hard_passages, hard_queries
from retriever.alignment.objective import Columns, ObjectiveLoss
from retriever.alignment.recipe import Recipe
from retriever.alignment.sampling import draw_rows
from retriever.alignment.similarity import cosines
from retriever.data.squad import ParallelSquad, Question
from retriever.errors import DataError
from retriever.models.encoder import Encoder

NEGATIVES = 5
"""Hard negatives a row, as in the paper."""
WHOLE_PASSAGE = 512
"""Tokens that texts are cut at in training, as in the paper: passages stay whole."""


@dataclass(frozen=True, slots=True)
class Clear:
    """The method "clear". `negatives` are hard negatives a row; alpha, beta and scale are the loss's.

    `query_side` leaves passages to the untouched encoder.
    """

    name: ClassVar[str] = "clear"
    keeps_english_queries: ClassVar[bool] = True
    matches_tokens: ClassVar[bool] = False
    uses_all_labelled: ClassVar[bool] = False

    negatives: int = NEGATIVES
    alpha: float = 0.4
    beta: float = 0.2
    scale: float = 20.0
    query_side: bool = False

    @property
    def keeps_passages(self) -> bool:
        """See Method."""
        return self.query_side

    @property
    def loss(self) -> "ClearLoss":
        """CLEAR's loss with these parameters."""
        return ClearLoss(self.negatives, self.alpha, self.beta, self.scale)

    def prepare(self, material: Material, base: Encoder, model: SentenceTransformer, recipe: Recipe) -> Training:
        """See TrainedMethod."""
        squad, loss = material.require_squad(self.name), self.loss
        rows = clear_rows(squad, base, count=recipe.row_count, negatives=self.negatives, seed=recipe.seed)
        rows = rows.select_columns(list(loss.columns))
        return Training(rows, ObjectiveLoss(model, loss, recipe.mini_batch), repr(loss), unique_texts=True)


@dataclass(frozen=True, slots=True)
class ClearDistill(Clear):
    """The method "clear-distill": CLEAR, and anchoring of the target queries beside it."""

    name: ClassVar[str] = "clear-distill"

    def prepare(self, material: Material, base: Encoder, model: SentenceTransformer, recipe: Recipe) -> Training:
        """See TrainedMethod."""
        squad = material.require_squad(self.name)
        rows = clear_rows(squad, base, count=recipe.row_count, negatives=self.negatives, seed=recipe.seed)
        english = base.encode_queries([question.text for question in squad.questions["en"]])
        loss = AnchoredClearLoss(self.loss, AnchoringLoss(from_numpy(english)))
        rows = rows.select_columns([*loss.columns, "label"])
        return Training(rows, ObjectiveLoss(model, loss, recipe.mini_batch), repr(loss), unique_texts=True)


@dataclass(frozen=True, slots=True)
class ClearLoss:
    """The CLEAR objective, over rows of English query and passage and the query in a target language.

    With s(a, b) = scale · cos(a, b), C_d the passages of the batch and their hard negatives, C_q the target
    queries of the batch and theirs, O = s(query, C_d), R = s(passage, C_q), all of shape (B, B · (1 + n)):

        L = (1 - alpha - beta) · CE(O, i)  +  alpha · CE(R, i)  +  beta · KL(softmax R || softmax O)

    The passage is the bridge: candidate in O, anchor in R. No term scores a target query against passages. Gradients
    flow through both sides of the KL (batchmean). With alpha 0 and beta 0 it is InfoNCE.
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
        targets = torch.arange(len(forward), device=forward.device)
        divergence = functional.kl_div(
            functional.log_softmax(forward, dim=1),
            functional.log_softmax(reverse, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        return (
            (1 - self.alpha - self.beta) * functional.cross_entropy(forward, targets)
            + self.alpha * functional.cross_entropy(reverse, targets)
            + self.beta * divergence
        )


@dataclass(frozen=True, slots=True)
class AnchoredClearLoss:
    """The sum of CLEAR's loss and anchoring's.

    CLEAR scores no target query against passages; anchoring pulls the target query to its English vector.
    """

    clear: ClearLoss
    anchoring: AnchoringLoss

    @property
    def columns(self) -> tuple[str, ...]:
        """CLEAR's."""
        return self.clear.columns

    def __call__(self, columns: Columns, labels: Tensor | None) -> Tensor:
        """The loss, a scalar; labels (B,) are the numbers of the English queries' anchors."""
        return self.clear(columns) + self.anchoring({"text": columns["target_query"]}, labels)


def clear_rows(
    squad: ParallelSquad,
    encoder: Encoder,
    *,
    count: int,
    negatives: int,
    seed: int,
    ranks: tuple[int, int] = RANKS,
) -> Dataset:
    """`count` rows with CLEAR's columns, each of a question that exists in English and a target language.

    Negative passages are mined for the English question; negative target queries for the English passage, in the
    same target language. Languages are drawn with a temperature. `label` is the English question's place in
    `squad.questions["en"]`. Raises DataError without parallel questions.
    """
    rng = random.Random(seed)
    english = {question.id: question for question in squad.questions.get("en", [])}
    targets = _target_questions(squad)
    if not targets:
        raise DataError("CLEAR needs the same questions in English and another language.")
    passages = squad.passages.get("en", {})
    vectors = dict(zip(passages, encoder.encode_passages(list(passages.values())), strict=True))
    negative_passages = hard_passages(squad, encoder, count=negatives, rng=rng, ranks=ranks)
    negative_queries = {
        language: hard_queries(questions, vectors, encoder, count=negatives, rng=rng, ranks=ranks)
        for language, questions in targets.items()
    }
    sample = draw_rows([question for questions in targets.values() for question in questions], count, rng)
    numbers = {question.id: n for n, question in enumerate(squad.questions["en"])}
    columns: dict[str, list[str]] = {}

    def append(column: str, text: str) -> None:
        columns.setdefault(column, []).append(text)

    for question in sample:
        append("query", encoder.query_prefix + english[question.id].text)
        append("passage", encoder.passage_prefix + passages[question.passage_id])
        append("target_query", encoder.query_prefix + question.text)
        for n, id_ in enumerate(negative_passages[question.id], start=1):
            append(f"negative_passage_{n}", encoder.passage_prefix + passages[id_])
        for n, text in enumerate(negative_queries[question.language][question.id], start=1):
            append(f"negative_target_query_{n}", encoder.query_prefix + text)
    return Dataset.from_dict({**columns, "label": [numbers[question.id] for question in sample]})


def _target_questions(squad: ParallelSquad) -> dict[str, Sequence[Question]]:
    """By language other than English, the questions that exist in English too; no language without any."""
    english = {question.id for question in squad.questions.get("en", [])}
    targets = {
        language: [question for question in questions if question.id in english]
        for language, questions in squad.questions.items()
        if language != "en"
    }
    return {language: questions for language, questions in targets.items() if questions}

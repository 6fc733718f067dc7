"""Late distillation: a text's tokens are to rank passages as the untouched encoder's do for its English original.

Isthmus re-ranks by late interaction (`retriever.late`), so this trains what ranks. The teacher reads English and the
pupil the translation, as in Translate-Distill (Yang et al., arXiv 2401.04810); teacher and pupil are one encoder,
before training and in it, and the scores are ColBERT's (distilled by KL as in ColBERTv2, arXiv 2112.01488, 3.3).
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from torch import Tensor, from_numpy, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from retriever.alignment.data import Kind, ParallelText, draw_kinds
from retriever.data.squad import ParallelSquad
from retriever.models.backends.pytorch import prompt_length
from retriever.models.encoder import Encoder
from retriever.store.token_vectors import pool_tokens

NEAREST = 8
"""Passages that a text brings into its batch: the right one, if it is a question, and the nearest others."""
SHARES: dict[Kind, float] = {"question": 0.7, "pair": 0.3}


@dataclass(frozen=True, slots=True)
class EnglishTeacher:
    """What the untouched encoder makes of the English side: unit vectors of n originals and m passages.

    `originals` are the token vectors of each, (tokens, d); `anchors` (n, d) their whole vectors. `passages` are token
    vectors, pooled as a library keeps them. `near` (n, k) are the passages that an original brings; the first is the
    right one where `answered` (n,).
    """

    originals: Sequence[Tensor]
    anchors: Tensor
    passages: Sequence[Tensor]
    near: Tensor
    answered: Tensor


def late_rows(
    texts: Sequence[ParallelText], squad: ParallelSquad, encoder: Encoder, *, count: int, seed: int
) -> tuple[Dataset, EnglishTeacher]:
    """Rows (text, label): translations, and the number of each one's English original.

    Originals that are questions of `squad` have a right passage; of other sentences the ranking alone is learnt.
    Raises DataError if there is nothing to train on.
    """
    rows = draw_kinds(texts, count, random.Random(seed), SHARES)
    originals = list(dict.fromkeys(row.english for row in rows))
    numbers = {text: n for n, text in enumerate(originals)}
    place = {id_: n for n, id_ in enumerate(squad.passages["en"])}
    right = {question.text: place[question.passage_id] for question in squad.questions["en"]}
    vectors, tokens = encoder.encode_passage_tokens(list(squad.passages["en"].values()))
    anchors = encoder.encode_queries(originals)
    scores = anchors @ vectors.T
    for n, text in enumerate(originals):
        if text in right:
            scores[n, right[text]] = np.inf
    english = EnglishTeacher(
        [from_numpy(encoder.encode_query_tokens(text)) for text in originals],
        from_numpy(anchors),
        [from_numpy(pool_tokens(each)) for each in tokens],
        from_numpy(np.argsort(-scores, axis=1, kind="stable")[:, :NEAREST].copy()),
        torch.tensor([text in right for text in originals]),
    )
    made = {"text": [encoder.query_prefix + row.text for row in rows], "label": [numbers[row.english] for row in rows]}
    return Dataset.from_dict(made), english


def late_scores(tokens: Tensor, own: Tensor, passages: Sequence[Tensor]) -> Tensor:
    """`retriever.late.max_similarities` of many queries, with gradients, (queries, passages).

    `tokens` (queries, longest, d) are unit vectors, `own` (queries, longest) tells which are a query's; each passage is
    (its tokens, d).
    """
    cosines = tokens.flatten(0, 1) @ torch.cat(list(passages)).T
    parts = torch.split_with_sizes(cosines, [len(each) for each in passages], dim=1)
    best = torch.stack([part.amax(dim=1) for part in parts], dim=1)
    mine = own.float()[:, :, None]
    return (best.view(*own.shape, -1) * mine).sum(dim=1) / mine.sum(dim=1)


class LateDistillationLoss(nn.Module):
    """KL(teacher's ranking || pupil's) + contrast · CE(pupil's ranking, right passage) + pull · (1 - cos(x, anchor)).

    A sentence-transformers loss of rows (text, label). Rankings are softmaxes of `scale` times the late scores of all
    passages that the batch brings. The second term is of texts with a right passage; the last holds the vector of the
    whole text, which finds the candidates.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        english: EnglishTeacher,
        prompt: str,
        *,
        pull: float = 10.0,
        contrast: float = 0.5,
        scale: float = 60.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.english = english
        self.pull, self.contrast, self.scale = pull, contrast, scale
        self._prompt_tokens = prompt_length(model.tokenizer, prompt)
        self._special = torch.tensor(model.tokenizer.all_special_ids)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """The loss of a batch as the trainer hands it over."""
        (features,) = sentence_features
        own = self._own(features["input_ids"], features["attention_mask"].bool())
        read = self.model(features)
        tokens = functional.normalize(read["token_embeddings"].float(), dim=-1)
        return self.loss(tokens, own, functional.normalize(read["sentence_embedding"].float(), dim=-1), labels)

    def loss(self, tokens: Tensor, own: Tensor, vectors: Tensor, labels: Tensor) -> Tensor:
        """Of token vectors (B, longest, d), which of them count (B, longest), and whole vectors (B, d), all unit."""
        device, rows = tokens.device, labels.cpu()
        brought, places = torch.unique(self.english.near[rows], return_inverse=True)
        passages = [self.english.passages[n].to(device) for n in brought]
        originals, theirs = pad_tokens([self.english.originals[n] for n in rows])
        with torch.no_grad():
            target = functional.softmax(
                self.scale * late_scores(originals.to(device), theirs.to(device), passages), dim=-1
            )
        scores = self.scale * late_scores(tokens, own, passages)
        ranking = functional.kl_div(functional.log_softmax(scores, dim=-1), target, reduction="batchmean")
        known = self.english.answered[rows].to(device)
        wrong = functional.cross_entropy(scores, places[:, 0].to(device), reduction="none")
        right = (wrong * known).sum() / known.sum().clamp(min=1)
        apart = (1 - (vectors * self.english.anchors[rows].to(device)).sum(dim=-1)).mean()
        return ranking + self.contrast * right + self.pull * apart

    def _own(self, ids: Tensor, read: Tensor) -> Tensor:
        """Which tokens are the text's: `retriever.backends.tokens.own_tokens` of a batch."""
        own = read & ~torch.isin(ids, self._special.to(ids.device))
        own &= own.cumsum(dim=1) > self._prompt_tokens
        return torch.where(own.any(dim=1, keepdim=True), own, read)


def pad_tokens(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Token vectors of several texts as one tensor (texts, longest, d), and which of its rows they are."""
    own = pad_sequence([torch.ones(len(each), dtype=torch.bool) for each in rows], batch_first=True)
    return pad_sequence(list(rows), batch_first=True), own

"""LiRA's two stages as losses of the trainer: Arca's anchoring and choice, LaSR's fusion with its queues.

A row of the trainer's is the number of one of the `LiraRows`: the encoders are frozen, their views are at hand.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Module
from torch import Tensor, nn

from retriever.alignment.distributed import share_rows
from retriever.alignment.methods.lira import objectives
from retriever.alignment.methods.lira.rows import LiraRows, SimilarRows
from retriever.errors import DataError
from retriever.models.lira import LiraNetwork, View, load_lira

SAME_DOCUMENT = 0.9
"""Documents of at least this cosine to the right one are no wrong answers."""


class NetworkModule(Module):
    """LiRA's network in a sentence-transformers model, which the trainer wants; its inputs are numbers of rows."""

    def __init__(self, network: LiraNetwork) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.network = network

    def preprocess(self, inputs: Sequence[str], **_: object) -> dict[str, Tensor]:
        """The numbers of rows, (B,)."""
        return {"input_ids": torch.tensor([int(number) for number in inputs])}

    def forward(self, features: dict[str, Tensor], **_: object) -> dict[str, Tensor]:
        """A vector of zeros for each row, since a model must give one; the losses call the network themselves."""
        return features | {"sentence_embedding": torch.zeros(len(features["input_ids"]), self.network.dimensions)}

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Write the network, for checkpoints."""
        self.network.save(Path(output_path))

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", *_: Any, **__: Any) -> "NetworkModule":
        """The network of a checkpoint. Raises DataError if the checkpoint has none."""
        folder = Path(model_name_or_path, subfolder)
        if (network := load_lira(folder)) is None:
            raise DataError(f"{folder} holds no LiRA network.")
        return cls(network)


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of rewards and terms; they are ours, since the paper gives none.

    `reward` are α, β, γ and δ (`objectives.reward`), `anchor` is η, `contrast` the anchor's second term, `hinge` and
    `consistency` are DocQueue's λ, `correlation` is CorrQueue's part. `penalty` holds near zero what the fuser adds,
    `adaptor_penalty` what the adaptor adds, in both stages: with a tenth of both the network learns the training
    passages by heart (docs/decisions.md).
    """

    reward: tuple[float, float, float, float] = (1 / 3, 1 / 3, 1 / 3, 1.0)
    anchor: float = 1.0
    contrast: float = 1.0
    penalty: float = 10.0
    adaptor_penalty: float = 10.0
    hinge: float = 0.5
    consistency: float = 0.1
    correlation: float = 1.0


class ArcaLoss(nn.Module):
    """Stage 1: the actor chooses one of the translations, and the adaptor is anchored to it.

    The reward of a choice is the critics' (`objectives.reward`), or `task_rewards` (N, K) where these are given.
    """

    def __init__(
        self, model: SentenceTransformer, rows: LiraRows, weights: Weights, task_rewards: Tensor | None = None
    ) -> None:
        super().__init__()
        self.network = network_of(model)
        self.rows = rows
        self.weights = weights
        self._task_rewards = task_rewards

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """REINFORCE of the choice + η · the anchor of the chosen translation."""
        (features,) = sentence_features
        numbers = features["input_ids"].cpu()
        with torch.autocast(features["input_ids"].device.type, enabled=False):
            shift, query, english, similarities, logits = share_rows(self._embed, {"numbers": numbers})
            ratings = self.rows.ratings[numbers].to(self.network.device)
            actions = torch.multinomial(logits.detach().softmax(dim=1), 1)[:, 0]
            chosen = english[torch.arange(len(numbers)), actions]
            if self._task_rewards is None:
                rewards = objectives.reward(ratings, similarities, self.weights.reward)
            else:
                rewards = self._task_rewards[numbers].to(logits)
            return objectives.actor_loss(logits, actions, rewards) + self.weights.anchor * objectives.anchor_loss(
                query, chosen, shift, contrast=self.weights.contrast, penalty=self.weights.adaptor_penalty
            )

    def _embed(self, batch: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Shifts, queries, translations, their cosines, and the actor's logits."""
        network, numbers = self.network, batch["numbers"]
        own, candidates = (take(view, numbers, network.device) for view in (self.rows.own, self.rows.candidates))
        query, english = network.embed(own), network.embed(candidates)
        similarities = (english @ query[..., None]).squeeze(-1).detach()
        logits = network.preferences(self.rows.ratings[numbers].to(network.device), similarities)
        return network.shift(own), query, english, similarities, logits


class LasrLoss(nn.Module):
    """Stage 2: the fuser ranks the right document first (DocQueue), and similar sentences as people do (CorrQueue).

    The documents are those of the batch and of the last `queue` rows. Each row is fused with one of its translations at
    random, so that the fuser learns when not to rely on one. Without `similar` there is no CorrQueue.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        rows: LiraRows,
        weights: Weights,
        queue: int,
        similar: SimilarRows | None = None,
        similar_queue: int = 0,
    ) -> None:
        super().__init__()
        self.network = network_of(model)
        self.rows = rows
        self.weights = weights
        self.similar = similar
        self._queue = deque[int](maxlen=queue)
        self._similar_queue = deque[tuple[int, int]](maxlen=similar_queue)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """1 - soft nDCG + λ_h · hinge + λ_r · consistency with both single views + the penalty + the correlation."""
        (features,) = sentence_features
        numbers = features["input_ids"].cpu()
        with torch.autocast(features["input_ids"].device.type, enabled=False):
            rows, device = self.rows, self.network.device
            chosen = draw_candidates(rows, len(numbers))
            fuse = partial(fuse_chosen, self.network, rows)
            fused, own, english, residual, shift = share_rows(fuse, {"numbers": numbers, "chosen": chosen})
            places = torch.cat([numbers, torch.tensor(list(self._queue), dtype=torch.long)])
            excluded = unsafe_negatives(rows, numbers, places).to(device)
            documents = rows.documents[places].to(device)
            scores, own_scores, english_scores = (
                (vectors @ documents.T).masked_fill(excluded, objectives.LEFT_OUT) for vectors in (fused, own, english)
            )
            self._queue.extend(numbers.tolist())
            right = torch.arange(len(numbers), device=device)
            loss = (
                objectives.ndcg_loss(scores, right)
                + self.weights.hinge * objectives.hinge_loss(scores, right)
                + self.weights.consistency * objectives.consistency_loss(scores, own_scores, english_scores)
                + self.weights.penalty * objectives.size_penalty(residual)
                + self.weights.adaptor_penalty * objectives.size_penalty(shift)
            )
            if self.similar is not None:
                loss = loss + self.weights.correlation * self._correlation_loss(self.similar, len(numbers))
            return loss

    def _correlation_loss(self, similar: SimilarRows, count: int) -> Tensor:
        """Of `count` pairs drawn anew, and of those in the queue; these are fused anew too, but have no gradients."""
        rows, device = similar.rows, self.network.device
        numbers, chosen = torch.randint(len(similar), (count,)), draw_candidates(rows, count)
        batch = {"numbers": numbers, "chosen": chosen}
        fused = [share_rows(partial(fuse_chosen, self.network, rows), batch)[0]]
        places = numbers
        if self._similar_queue:
            earlier, earlier_chosen = torch.tensor(list(self._similar_queue)).T
            with torch.no_grad():
                fused.append(fuse_chosen(self.network, rows, {"numbers": earlier, "chosen": earlier_chosen})[0])
            places = torch.cat([numbers, earlier])
        self._similar_queue.extend(zip(numbers.tolist(), chosen.tolist(), strict=True))
        predicted = (torch.cat(fused) * rows.documents[places].to(device)).sum(dim=1)
        return objectives.correlation_loss(predicted, similar.scores[places].to(device))


def draw_candidates(rows: LiraRows, count: int) -> Tensor:
    """The numbers of translations drawn at random, (count,)."""
    return torch.randint(rows.candidates.vectors.shape[1], (count,))


def fuse_chosen(network: LiraNetwork, rows: LiraRows, batch: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Queries fused with the chosen translations, both single views, and what fuser and adaptor add.

    `batch` has the `numbers` of the rows and of their `chosen` translations, (B,) each.
    """
    numbers = batch["numbers"]
    own, candidates = (take(view, numbers, network.device) for view in (rows.own, rows.candidates))
    places = torch.arange(len(numbers))
    english = View(candidates.vectors[places, batch["chosen"]], candidates.bins[places, batch["chosen"]])
    languages = network.language_numbers([rows.languages[n] for n in numbers.tolist()])
    fused = network.fuse(own, english, languages)
    return fused.vectors, fused.own, fused.english, fused.residual, network.shift(own)


def take(view: View, numbers: Tensor, device: torch.device) -> View:
    """The rows of a view, in float32, on a device."""
    return View(*(part[numbers].float().to(device) for part in (view.vectors, view.bins)))


def unsafe_negatives(rows: LiraRows, numbers: Tensor, places: Tensor) -> Tensor:
    """Which documents may be right though they are another row's, (len(numbers), len(places)).

    They are nearly the same text, or the human translation ranks them above the right one. The right documents
    themselves are the first of `places`, and not among them. Others of the right one's article stay: without them the
    network learns to find articles, not passages (docs/decisions.md).
    """
    documents, right = rows.documents[places], rows.documents[numbers]
    by_translation = rows.english[numbers] @ documents.T
    unsafe = (right @ documents.T > SAME_DOCUMENT) | (by_translation > by_translation.diagonal()[:, None])
    unsafe.fill_diagonal_(False)
    return unsafe


def network_of(model: SentenceTransformer) -> LiraNetwork:
    """The network in a model whose only module is a NetworkModule."""
    return cast(NetworkModule, model[0]).network

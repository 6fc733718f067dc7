"""LiRA's losses: pure functions of tensors, each with its formula (arXiv 2510.14466, sections 3.2 and 3.3).

The paper gives no temperatures, margins or weights; the defaults are ours.
"""

import torch
from torch import Tensor
from torch.nn import functional

ANCHOR_SCALE = 20.0
"""Scale of cosines in the anchor's contrastive term."""
RANK_TEMPERATURE = 0.05
"""Difference of scores at which a soft rank counts about three quarters of a place."""
CUTOFF = 10
MARGIN, HARDEST = 0.05, 8
VIEW_SCALE = 20.0
LEFT_OUT = -10.0
"""The score of a document that a row leaves out: no cosine is near it."""


def anchor_loss(own: Tensor, english: Tensor, shift: Tensor, *, contrast: float = 1.0, penalty: float = 1.0) -> Tensor:
    """mean(1 - cos(own, english)) + contrast · InfoNCE(own, english) + penalty · mean ||shift||².

    `own` and `english` (B, d) are unit vectors, row by row of one meaning; gradients reach `own` alone. `shift`
    (B, S, d) is what the adaptor adds. Without the last two terms an adaptor that sends all texts to one point would
    do: the batch's other translations and the distance from where the encoder had put the text keep it from that.
    """
    target = english.detach()
    distance = (1 - (own * target).sum(dim=-1)).mean()
    logits = ANCHOR_SCALE * own @ target.T
    entropy = functional.cross_entropy(logits, torch.arange(len(own), device=own.device))
    return distance + contrast * entropy + penalty * size_penalty(shift)


def size_penalty(added: Tensor) -> Tensor:
    """The mean squared length of vectors (…, d): what a trained layer adds to an encoder's own."""
    return added.square().sum(dim=-1).mean()


def actor_loss(logits: Tensor, actions: Tensor, rewards: Tensor) -> Tensor:
    """REINFORCE: mean(-log π(action) · reward of the action).

    `logits` and `rewards` are (B, K), `actions` (B,). The mean reward of a row's K translations is subtracted: this
    baseline changes the variance, not the expected gradient.
    """
    advantage = (rewards - rewards.mean(dim=1, keepdim=True)).detach()
    chosen = actions[:, None]
    log_policy = functional.log_softmax(logits, dim=1).gather(1, chosen)
    return -(log_policy * advantage.gather(1, chosen)).mean()


def reward(ratings: Tensor, similarities: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """R = α·semantics + β·emotion + γ·pragmatics + δ·similarity of each translation, (B, K).

    `ratings` (B, K, 3) are from 0 to 1 (the paper's 1 to 10 times its .1). `weights` are α, β, γ, δ.
    """
    *rating_weights, similarity_weight = weights
    return ratings @ ratings.new_tensor(rating_weights) + similarity_weight * similarities


def ndcg_loss(scores: Tensor, right: Tensor, temperature: float = RANK_TEMPERATURE) -> Tensor:
    """1 - soft nDCG@CUTOFF, the mean over rows of `scores` (B, n) that have one right document each, `right` (B,).

    With one right document the ideal gain is 1, so a row's nDCG is 1 / log2(1 + its rank); what is gained falls to
    zero about the cutoff.
    """
    own = scores.gather(1, right[:, None])
    above = torch.sigmoid((scores - own) / temperature).sum(dim=1) - 0.5
    rank = 1 + above
    within = torch.sigmoid((CUTOFF + 0.5 - rank).clamp(min=-30))
    return (1 - within / torch.log2(1 + rank)).mean()


def hinge_loss(scores: Tensor, right: Tensor) -> Tensor:
    """The mean over each row's HARDEST wrong documents of max(0, MARGIN - right score + wrong score)."""
    own = scores.gather(1, right[:, None])
    wrong = scores.scatter(1, right[:, None], LEFT_OUT)
    hardest = wrong.topk(min(HARDEST, scores.shape[1] - 1), dim=1).values
    return functional.relu(MARGIN - own + hardest).mean()


def consistency_loss(fused: Tensor, *views: Tensor) -> Tensor:
    """The mean over views of KL(view's ranking || fused ranking); all are scores (B, n) of the same documents.

    The paper names a third term of DocQueue without its formula; this reading is ours.
    """
    log_fused = functional.log_softmax(VIEW_SCALE * fused, dim=1)
    divergences = [
        functional.kl_div(
            log_fused, functional.log_softmax(VIEW_SCALE * view.detach(), dim=1), log_target=True, reduction="batchmean"
        )
        for view in views
    ]
    return torch.stack(divergences).mean()


def correlation_loss(
    predicted: Tensor, targets: Tensor, *, pearson: float = 0.5, temperature: float = RANK_TEMPERATURE
) -> Tensor:
    """The loss a · (1 - Pearson) + (1 - a) · (1 - soft Spearman) of predicted similarities, (n,), to people's scores.

    `pearson` is a. Soft Spearman is Pearson's correlation of the soft ranks of what is predicted and the exact ranks of
    the scores. Values that are all equal correlate with nothing: 0.
    """
    by_rank = correlation(soft_ranks(predicted, temperature), exact_ranks(targets).to(predicted))
    return pearson * (1 - correlation(predicted, targets)) + (1 - pearson) * (1 - by_rank)


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """Pearson's correlation of two (n,)."""
    return functional.cosine_similarity(first - first.mean(), second - second.mean(), dim=0)


def soft_ranks(values: Tensor, temperature: float = RANK_TEMPERATURE) -> Tensor:
    """Ranks from 1, the least value's, of (n,): each other value counts by sigmoid(difference / temperature).

    At a low temperature they are the exact ranks.
    """
    return 0.5 + torch.sigmoid((values[:, None] - values[None, :]) / temperature).sum(dim=1)


def exact_ranks(values: Tensor) -> Tensor:
    """Ranks from 1, the least value's, of (n,); equal values share their mean rank."""
    differences = torch.sign(values[:, None] - values[None, :])
    return 0.5 + (differences + 1).sum(dim=1) / 2

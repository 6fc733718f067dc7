"""Similarities of vectors and of token vectors on torch, with gradients: what losses and the guard compute."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence


def cosines(left: Tensor, right: Tensor) -> Tensor:
    """Cosine of every row of (m, d) with every row of (n, d): (m, n)."""
    return functional.normalize(left, dim=-1) @ functional.normalize(right, dim=-1).T


def late_scores(tokens: Tensor, mask: Tensor, passages: Sequence[Tensor]) -> Tensor:
    """MaxSim of many queries with many passages, (queries, passages).

    `tokens` (queries, longest, d) are unit vectors and `mask` (queries, longest) is true at a query's own tokens; each
    passage is (its tokens, d). The values are those of `retriever.store.max_sim.max_similarities`.

    >>> query, length = pad_tokens([torch.tensor([[1.0, 0.0], [0.0, 1.0]])])
    >>> late_scores(query, length, [torch.tensor([[1.0, 0.0]]), torch.eye(2)])
    tensor([[0.5000, 1.0000]])
    """
    similarities = tokens.flatten(0, 1) @ torch.cat(list(passages)).T
    by_passage = torch.split_with_sizes(similarities, [len(passage) for passage in passages], dim=1)
    best = torch.stack([columns.amax(dim=1) for columns in by_passage], dim=1)
    weights = mask.float()[:, :, None]
    return (best.view(*mask.shape, -1) * weights).sum(dim=1) / weights.sum(dim=1)


def pad_tokens(texts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Token vectors of several texts as one tensor (texts, longest, d), and their mask (texts, longest)."""
    mask = pad_sequence([torch.ones(len(tokens), dtype=torch.bool) for tokens in texts], batch_first=True)
    return pad_sequence(list(texts), batch_first=True), mask

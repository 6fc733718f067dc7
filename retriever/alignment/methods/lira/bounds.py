"""LiRA's bound on what anchoring loses, and what of it can be measured (arXiv 2510.14466, section 3.1).

A query x is represented by z = [g(x); h(T(x))], ideally by z* = [h(y*); h(y*)] with its human translation y*. The paper
says that ||z - z*|| <= ε1 + C · sqrt(2 · ε2), and that a score changes by at most L times as much. ε1 and ε2 are the
anchoring error and the translation's divergence. It leaves open what p(s|x) is: here, the distribution of the document
that is meant, by the scores of all documents.
"""

import torch
from torch import Tensor
from torch.nn import functional

PAPER_CONSTANT = 0.6867
"""The paper's estimate of C."""
SCORE_SCALE = 20.0
"""Scale of cosines in p(s|x); ours."""


def anchoring_errors(queries: Tensor, english: Tensor, *, centred: bool = False) -> Tensor:
    """ε1: the distance of each query to its English side, (N,), of (N, d) each.

    `centred` takes the mean off each side first: cosines of many encoders are near 1 for any two texts, and what sets
    a language apart as a whole says nothing of one text.
    """
    if centred:
        queries, english = queries - queries.mean(dim=0), english - english.mean(dim=0)
    return _lengths(queries - english)


def divergences(scores: Tensor, translation_scores: Tensor, scale: float = SCORE_SCALE) -> Tensor:
    """ε2: KL(p(s|x) || p(s|T(x))) of each query, (N,), by the cosines of both with all documents, (N, documents)."""
    own, translated = (functional.log_softmax(scale * part, dim=1) for part in (scores, translation_scores))
    return (own.exp() * (own - translated)).sum(dim=1).clamp(min=0)


def deviations(queries: Tensor, translations: Tensor, ideal: Tensor) -> Tensor:
    """||z - z*|| of each query, (N,): both halves of z against the human translation's vector."""
    return torch.hypot(_lengths(queries - ideal), _lengths(translations - ideal))


def bounds(errors: Tensor, divergence: Tensor, constant: float = PAPER_CONSTANT) -> Tensor:
    """ε1 + C · sqrt(2 · ε2) of each query, (N,)."""
    return errors + constant * (2 * divergence).sqrt()


def lipschitz_constant(score_changes: Tensor, input_changes: Tensor, share: float = 0.95) -> float:
    """L: the quantile `share` of |change of the score| / ||change of z|| over edits that change z, both (N,)."""
    moved = input_changes > 0
    if not moved.any():
        return 0.0
    return float(torch.quantile(score_changes[moved].abs() / input_changes[moved], share))


def _lengths(vectors: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=1)
    return lengths

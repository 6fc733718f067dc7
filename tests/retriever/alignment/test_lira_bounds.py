"""What LiRA's bound is made of, by values worked out on paper."""

import math

import pytest
import torch

from retriever.alignment.methods.lira import bounds

X, Y = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])


def test_anchoring_errors_by_hand():
    """Vectors at right angles are sqrt(2) apart; where each side is one point, its mean explains all of that."""
    torch.testing.assert_close(bounds.anchoring_errors(X, Y), torch.full((2,), math.sqrt(2)))
    torch.testing.assert_close(bounds.anchoring_errors(X, Y, centred=True), torch.zeros(2))


def test_centring_keeps_what_single_texts_differ_by():
    english = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    queries = torch.tensor([[3.0, 2.0], [3.0, -2.0]])  # moved by 3, and twice as far apart
    torch.testing.assert_close(bounds.anchoring_errors(queries, english, centred=True), torch.ones(2))


def test_divergence_by_hand():
    """p(s|x) = (3/4, 1/4), p(s|T(x)) = (1/2, 1/2)."""
    scores, translated = torch.tensor([[math.log(3), 0.0]]), torch.zeros(1, 2)
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert float(bounds.divergences(scores, translated, scale=1.0)) == pytest.approx(expected, abs=1e-6)
    assert float(bounds.divergences(scores, scores)) == 0


def test_deviation_and_bound_by_hand():
    """The halves of z are 3 and 4 away from h(y*): 5. And 1 + C · sqrt(2 · 1/2)."""
    ideal = torch.zeros(1, 2)
    deviation = bounds.deviations(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]]), ideal)
    assert float(deviation) == pytest.approx(5)
    assert float(bounds.bounds(torch.ones(1), torch.tensor([0.5]))) == pytest.approx(1.6867)


def test_lipschitz_constant_by_hand():
    """Ratios 1, 2 and 3, of which the middle one is the median; an edit that changes nothing has none."""
    changes, moves = torch.tensor([-0.5, 1.0, 0.3, 0.9]), torch.tensor([0.5, 0.5, 0.1, 0.0])
    assert bounds.lipschitz_constant(changes, moves, share=0.5) == pytest.approx(2)
    assert bounds.lipschitz_constant(changes, torch.zeros(4)) == 0

"""LiRA's CorrQueue: correlation by values worked out on paper, soft ranks against exact ones, and its training."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sentence_transformers import SentenceTransformer
from torch.nn import functional

from retriever.alignment.methods.lira import objectives
from retriever.alignment.methods.lira.losses import LasrLoss, NetworkModule, Weights
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import SimilarRows
from retriever.alignment.methods.lira.train import fuse_rows, train_lira
from retriever.alignment.recipe import Recipe
from retriever.models.lira import LiraNetwork
from tests.retriever.alignment.test_lira import WIDTH, views


def test_correlation_loss_by_hand():
    """Pearson of (1, 2, 3) and (1, 2, 4) is 3 / sqrt(2 · 42/9); both are in the same order, so Spearman is 1."""
    predicted, targets = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 4.0])
    loss = objectives.correlation_loss(predicted, targets, pearson=0.25, temperature=1e-3)
    assert float(loss) == pytest.approx(0.25 * (1 - 3 / math.sqrt(28 / 3)), abs=1e-6)
    reverse = objectives.correlation_loss(predicted.flip(0), targets, pearson=0.0, temperature=1e-3)
    assert float(reverse) == pytest.approx(2, abs=1e-6)


def test_soft_ranks_by_hand():
    """sigmoid(ln 3) is 3/4, and a value stands half before itself."""
    ranks = objectives.soft_ranks(torch.tensor([0.0, 0.1 * math.log(3)]), temperature=0.1)
    torch.testing.assert_close(ranks, torch.tensor([1.25, 1.75]))


def test_equal_values_share_their_mean_rank():
    assert objectives.exact_ranks(torch.tensor([2.0, 1.0, 2.0])).tolist() == [2.5, 1.0, 2.5]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), min_size=3, max_size=20))
def test_at_a_low_temperature_soft_spearman_is_spearmans(pairs):
    predicted, targets = (torch.tensor(side, dtype=torch.float64) for side in zip(*pairs, strict=True))
    loss = objectives.correlation_loss(predicted, targets, pearson=0.0, temperature=1e-3)
    if len(set(predicted.tolist())) > 1 and len(set(targets.tolist())) > 1:
        assert float(1 - loss) == pytest.approx(stats.spearmanr(predicted, targets).statistic, abs=1e-6)
    else:
        assert float(1 - loss) == pytest.approx(0, abs=1e-6)


def test_the_gradient_is_that_of_finite_differences():
    predicted = torch.tensor([0.31, 0.05, -0.2, 0.33], dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([3.0, 1.0, 2.5, 5.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: objectives.correlation_loss(x, targets), (predicted,))


def similar_rows(count=64, seed=3):
    """Queries whose similarity to their sentences lies in a part of the vector alone: the cosine sees noise too."""
    rows = views(rows=count, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    sentences = functional.normalize(torch.randn(count, WIDTH, generator=generator), dim=1)
    half = WIDTH // 2
    return SimilarRows(
        type(rows)(rows.own, rows.candidates, rows.ratings, rows.english, sentences, rows.languages),
        (rows.documents[:, :half] * sentences[:, :half]).sum(dim=1),
    )


def spearman(network, similar):
    predicted = (fuse_rows(network, similar.rows, 0) * similar.rows.documents).sum(dim=1)
    return stats.spearmanr(predicted, similar.scores).statistic


def test_training_orders_pairs_as_people_do(tmp_path):
    similar = similar_rows()
    method = Lira(arca_share=0.0, similar_queue=32, weights=Weights(penalty=0.01, adaptor_penalty=0.01))
    recipe = Recipe(steps=120, batch=24, learning_rate=3e-3)
    with_queue = train_lira(method, views(), recipe, tmp_path / "with", similar=similar)
    without = train_lira(method, views(), recipe, tmp_path / "without")
    assert spearman(with_queue, similar) > spearman(without, similar) + 0.1


def test_the_queue_keeps_the_last_pairs_and_gives_gradients_to_the_batch_alone():
    rows = views(rows=8)
    network = LiraNetwork(WIDTH)
    model = SentenceTransformer(modules=[NetworkModule(network)], device="cpu")
    loss = LasrLoss(model, rows, Weights(), 8, similar_rows(16), 6)
    for _ in range(3):
        value = loss([{"input_ids": torch.arange(4)}])
    assert len(loss._similar_queue) == 6
    value.backward()
    assert network.output.weight.grad.abs().sum() > 0

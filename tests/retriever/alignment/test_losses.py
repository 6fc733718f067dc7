"""The objectives, against values worked out on paper."""

import math

import pytest
import torch

from retriever.alignment.methods.anchoring import AnchoringLoss
from retriever.alignment.methods.clear import AnchoredClearLoss, ClearLoss
from retriever.alignment.methods.weighted import ContrastLoss
from retriever.alignment.objective import ObjectiveLoss
from retriever.errors import DataError

X, Y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
E = math.e


def clear_batch(rows=4, negatives=2, dimensions=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    columns = ClearLoss(negatives).columns
    return {name: torch.randn(rows, dimensions, generator=generator) for name in columns}


def test_clear_by_hand():
    """O = (1, 0), R = (0, 1), so CE(O) = log(1 + 1/e), CE(R) = log(1 + e) and the KL is (e - 1) / (e + 1)."""
    batch = {"query": X, "passage": X, "negative_passage_1": Y, "target_query": Y, "negative_target_query_1": X}
    expected = 0.4 * math.log(1 + 1 / E) + 0.4 * math.log(1 + E) + 0.2 * (E - 1) / (E + 1)
    assert float(ClearLoss(1, scale=1.0)(batch)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((0, 0), math.log(1 + 1 / E)), ((1, 0), math.log(1 + E)), ((0, 1), (E - 1) / (E + 1))],
)
def test_each_term_of_clear_alone(weights, expected):
    batch = {"query": X, "passage": X, "negative_passage_1": Y, "target_query": Y, "negative_target_query_1": X}
    assert float(ClearLoss(1, alpha=weights[0], beta=weights[1], scale=1.0)(batch)) == pytest.approx(expected, abs=1e-6)


def test_the_kl_is_of_the_reverse_distribution_against_the_forward_one():
    """R uniform, O = (2, 0): KL(R || O) = log cosh(1), which is not KL(O || R)."""
    batch = {"query": X, "passage": X, "negative_passage_1": -X, "target_query": Y, "negative_target_query_1": -Y}
    assert float(ClearLoss(1, 0, 1, scale=1.0)(batch)) == pytest.approx(math.log(math.cosh(1)), abs=1e-6)


@pytest.mark.parametrize(("rows", "negatives"), [(1, 1), (4, 2), (3, 5)])
def test_clear_of_equal_embeddings(rows, negatives):
    batch = {name: torch.ones(rows, 4) for name in ClearLoss(negatives).columns}
    expected = (1 - 0.2) * math.log(rows * (1 + negatives))  # the KL is 0, the two others are log of the candidates
    assert float(ClearLoss(negatives)(batch)) == pytest.approx(expected, abs=1e-5)


def test_clear_without_reverse_and_kl_is_plain_infonce():
    batch = clear_batch()
    passages = torch.cat([batch["passage"], batch["negative_passage_1"], batch["negative_passage_2"]])
    normal = torch.nn.functional.normalize
    scores = 20 * normal(batch["query"]) @ normal(passages).T
    expected = torch.nn.functional.cross_entropy(scores, torch.arange(4))
    torch.testing.assert_close(ClearLoss(2, 0, 0)(batch), expected)


def test_the_columns_go_by_name_not_by_place():
    batch = clear_batch()
    shuffled = dict(reversed(batch.items()))
    torch.testing.assert_close(ClearLoss(2)(batch), ClearLoss(2)(shuffled))


def test_clear_sends_gradients_to_both_sides_of_the_kl():
    batch = {name: value.requires_grad_() for name, value in clear_batch().items()}
    ClearLoss(2, 0, 1)(batch).backward()
    assert all(float(value.grad.abs().sum()) > 0 for value in batch.values())


def test_anchoring_by_hand():
    """Texts y and y, originals x and y: cosines 0 and 1, so the pull is 10 / 2; each sees scores (0, 1)."""
    loss = AnchoringLoss(torch.cat([X, Y]), pull=10, contrast=0.5, scale=1.0)
    expected = 5 + 0.5 * (math.log(1 + E) + math.log(1 + 1 / E)) / 2
    assert float(loss({"text": torch.cat([3 * Y, Y])}, torch.tensor([0, 1]))) == pytest.approx(expected, abs=1e-5)
    # the same original twice is no negative: nothing is left to tell apart
    assert float(loss({"text": torch.cat([X, X])}, torch.tensor([0, 0]))) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="label"):
        loss({"text": X}, None)


def test_clear_with_anchors_is_the_sum_of_both():
    batch, labels = clear_batch(), torch.tensor([2, 0, 1, 2])
    anchoring = AnchoringLoss(torch.nn.functional.normalize(torch.randn(3, 8), dim=-1))
    both = AnchoredClearLoss(ClearLoss(2), anchoring)
    expected = ClearLoss(2)(batch) + anchoring({"text": batch["target_query"]}, labels)
    torch.testing.assert_close(both(batch, labels), expected)
    assert both.columns == ClearLoss(2).columns


def test_contrast_by_hand():
    """Anchors x and y, positives x and y, negatives y and x; scale 1."""
    columns = {"anchor": torch.cat([X, Y]), "positive": torch.cat([X, Y]), "negative_1": torch.cat([Y, X])}
    alone = ContrastLoss(1, in_batch=False, scale=1.0)(columns)
    assert float(alone) == pytest.approx(math.log(1 + 1 / E), abs=1e-6)
    together = ContrastLoss(1, scale=1.0)(columns)
    assert float(together) == pytest.approx(math.log(1 + 2 / E), abs=1e-6)
    # two rows of one label are no negatives of each other
    same = ContrastLoss(1, scale=1.0)(columns, torch.tensor([7, 7]))
    torch.testing.assert_close(same, alone)


@pytest.mark.slow
@pytest.mark.parametrize("mini_batch", [1, 3])
def test_cached_gradients_equal_plain_ones(base_encoder, mini_batch):
    model = base_encoder.model
    rng = torch.Generator().manual_seed(1)
    words = ["unu", "दो", "三", "four", "ห้า", "ستة"]
    objective = ClearLoss(1)
    features = [
        model.preprocess([" ".join(words[int(n)] for n in torch.randint(6, (3,), generator=rng)) for _ in range(4)])
        for _ in objective.columns
    ]
    kept = list(model[0].auto_model.encoder.parameters())  # the word embeddings are large and change nothing here
    gradients = []
    for size in (None, mini_batch):
        model.zero_grad()
        ObjectiveLoss(model, objective, size)([dict(each) for each in features]).backward()
        gradients.append([p.grad.clone() for p in kept if p.grad is not None])
    model.zero_grad()
    assert len(gradients[0]) == len(gradients[1]) > 100
    for plain, cached in zip(*gradients, strict=True):
        torch.testing.assert_close(cached, plain, atol=1e-5, rtol=1e-3)


@pytest.mark.slow
def test_the_wrong_number_of_columns_is_refused(base_encoder):
    with pytest.raises(DataError, match="1 columns of text"):
        ObjectiveLoss(base_encoder.model, ClearLoss(1))([base_encoder.model.preprocess(["a"])])

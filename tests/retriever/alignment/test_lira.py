"""LiRA: its losses against values worked out on paper, its network, its candidates, and its queues."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from retriever.alignment.methods.lira import objectives
from retriever.alignment.methods.lira.candidates import add_noise, learn_gloss
from retriever.alignment.methods.lira.losses import Weights, unsafe_negatives
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import LiraRows, reciprocal_ranks
from retriever.alignment.methods.lira.train import first_hits, fuse_rows, train_lira
from retriever.alignment.recipe import Recipe
from retriever.errors import IsthmusError
from retriever.models.lira import BINS, LiraNetwork, View, load_lira, make_view, pool_bins

X, Y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
OTHERS = torch.tensor([[0.2, 0.1, 0.9, 0.4], [0.3, 0.8, 0.1, 0.5]], dtype=torch.float64)
WIDTH = 64


def views(rows=48, candidates=2, noise=0.25, seed=0):
    """Queries and translations that are noisy copies of their documents, all as unit vectors."""
    generator = torch.Generator().manual_seed(seed)

    def unit(vectors):
        return functional.normalize(vectors, dim=-1)

    documents = unit(torch.randn(rows, WIDTH, generator=generator))
    own = unit(documents + noise * torch.randn(rows, WIDTH, generator=generator))
    english = unit(documents[:, None] + noise * torch.randn(rows, candidates, WIDTH, generator=generator))
    return LiraRows(
        own=View(own, own[:, None].repeat(1, BINS, 1)),
        candidates=View(english, english[:, :, None].repeat(1, 1, BINS, 1)),
        ratings=torch.zeros(rows, candidates, 3),
        english=documents,
        documents=documents,
        languages=["ha", "yo"] * (rows // 2),
    )


# Losses by hand


def test_anchor_by_hand():
    """Two pairs at right angles: distance 1, logits all 0 so the entropy is log 2, and the shift's norm is 4."""
    own, english = torch.cat([X, X]), torch.cat([Y, Y])
    shift = torch.full((2, 1, 2), math.sqrt(2))
    loss = objectives.anchor_loss(own, english, shift, contrast=0.5, penalty=0.25)
    assert float(loss) == pytest.approx(1 + 0.5 * math.log(2) + 0.25 * 4, abs=1e-6)


def test_the_anchor_moves_the_query_and_not_the_english_side():
    own, english = X.clone().requires_grad_(), Y.clone().requires_grad_()
    objectives.anchor_loss(own, english, torch.zeros(1, 1, 2)).backward()
    assert own.grad is not None
    assert english.grad is None


def test_reinforce_by_hand():
    """π = (1/2, 1/2), rewards 1 and 0 with mean 1/2: choosing the first gives log 2 · 1/2."""
    logits, rewards = torch.zeros(1, 2, requires_grad=True), torch.tensor([[1.0, 0.0]])
    loss = objectives.actor_loss(logits, torch.tensor([0]), rewards)
    assert float(loss.detach()) == pytest.approx(math.log(2) / 2, abs=1e-6)
    loss.backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([[-0.25, 0.25]]))  # the better choice becomes likelier


def test_the_reward_by_hand():
    ratings, similarities = torch.tensor([[[0.9, 0.6, 0.3]]]), torch.tensor([[0.5]])
    assert float(objectives.reward(ratings, similarities, (0.5, 0.25, 0.25, 2.0))) == pytest.approx(1.675, abs=1e-6)


def test_ndcg_by_hand():
    """At a low temperature the right document's rank is exact: 1, 2 and 11 of eleven."""
    scores = torch.linspace(1, 0, 11).repeat(3, 1)
    for rank, value in ((1, 1.0), (2, 1 / math.log2(3))):
        loss = objectives.ndcg_loss(scores[:1], torch.tensor([rank - 1]), temperature=1e-4)
        assert float(loss) == pytest.approx(1 - value, abs=1e-3)
    assert float(objectives.ndcg_loss(scores[:1], torch.tensor([10]), temperature=1e-4)) > 0.85


def test_hinge_by_hand():
    """Margin .05: the wrong documents at .48 and .2 against .5 give .03 and 0."""
    scores = torch.tensor([[0.5, 0.48, 0.2]])
    assert float(objectives.hinge_loss(scores, torch.tensor([0]))) == pytest.approx(0.015, abs=1e-6)


def test_views_that_rank_alike_are_consistent():
    scores = torch.tensor([[0.5, 0.1, 0.3]])
    assert float(objectives.consistency_loss(scores, scores, scores)) == pytest.approx(0, abs=1e-6)
    assert float(objectives.consistency_loss(scores, scores, scores.flip(1))) > 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: objectives.ndcg_loss(x, torch.tensor([0, 2])),
        lambda x: objectives.hinge_loss(x, torch.tensor([0, 2])),
        lambda x: objectives.consistency_loss(x, OTHERS),
        lambda x: objectives.actor_loss(x, torch.tensor([1, 0]), OTHERS),
    ],
)
def test_gradients_are_those_of_finite_differences(loss):
    scores = torch.tensor([[0.31, 0.05, -0.2, 0.33], [0.1, 0.42, 0.38, 0.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (scores,))


# The network


def test_an_untrained_network_gives_the_mean_of_both_views():
    rows = views()
    network = LiraNetwork(WIDTH, ["ha"])
    english = View(rows.candidates.vectors[:, 0], rows.candidates.bins[:, 0])
    expected = functional.normalize(rows.own.vectors + english.vectors, dim=1)
    fused = network.fuse(rows.own, english, network.language_numbers(rows.languages))
    torch.testing.assert_close(fused.vectors, expected)


def test_a_saved_network_is_the_same(tmp_path):
    rows, network = views(), LiraNetwork(WIDTH, ["yo", "ha"])
    torch.nn.init.normal_(network.output.weight)
    network.save(tmp_path)
    loaded = load_lira(tmp_path)
    assert loaded is not None
    assert loaded.languages == ("?", "yo", "ha")
    torch.testing.assert_close(fuse_rows(loaded, rows, 1), fuse_rows(network.eval(), rows, 1))
    assert load_lira(tmp_path / "nowhere") is None


@pytest.mark.parametrize("content", [b"", b"not safetensors", None])
def test_a_damaged_network_is_one_sentence(tmp_path, content):
    LiraNetwork(WIDTH).save(tmp_path)
    file = tmp_path / "lira.safetensors"
    file.write_bytes(file.read_bytes()[:-100] if content is None else content)
    with pytest.raises(IsthmusError, match="holds no LiRA network"):
        load_lira(tmp_path)


def test_languages_that_training_has_not_seen_share_a_token():
    assert LiraNetwork(WIDTH, ["yo"]).language_numbers(["yo", "zu", "tw"]).tolist() == [1, 0, 0]


def test_bins_are_means_of_runs_of_tokens():
    tokens = torch.arange(16.0)[:, None].repeat(1, 3)
    np.testing.assert_allclose(pool_bins(tokens)[:, 0], [0.5 + 2 * n for n in range(8)])
    assert pool_bins(tokens[:1]).shape == (8, 3)


def test_a_model_without_token_vectors_has_its_vector_in_every_bin():
    vector = np.array([0.6, 0.8], dtype=np.float32)
    view = make_view([vector], [None])
    np.testing.assert_allclose(view.bins[0], np.tile(vector, (BINS, 1)))


# Training


def recall(network, rows):
    return float(first_hits(fuse_rows(network, rows, 0), rows).mean())


def test_without_contrast_and_penalty_the_adaptor_collapses(tmp_path):
    """1 - cos alone is least where all texts are one point; the other two terms keep them apart."""
    rows = views(noise=0.6)
    spread = {}
    for name, weight in (("distance alone", 0.0), ("all terms", 1.0)):
        weights = Weights(contrast=weight, adaptor_penalty=weight)
        method = Lira(arca_share=1.0, weights=weights)
        recipe = Recipe(steps=150, batch=48, learning_rate=3e-3)
        network = train_lira(method, rows, recipe, tmp_path / name)
        with torch.no_grad():
            own = network.embed(rows.own)
        spread[name] = float((own @ own.T).mean())
    assert spread["distance alone"] > spread["all terms"] + 0.2


def test_training_finds_more_and_resumes_where_it_ended(tmp_path):
    rows = views(noise=0.35)
    before = recall(LiraNetwork(WIDTH), rows)
    recipe = Recipe(steps=120, batch=16, learning_rate=1e-3, check_every=20)
    network = train_lira(Lira(queue=32), rows, recipe, tmp_path / "whole", development=rows)
    assert recall(network, rows) > before
    again = train_lira(Lira(queue=32), rows, recipe, tmp_path / "whole", development=rows)
    torch.testing.assert_close(fuse_rows(again, rows, 0), fuse_rows(network, rows, 0))


def test_negatives_that_may_be_right_are_left_out():
    rows = views(rows=4)
    vectors = torch.eye(4, WIDTH)
    vectors[3] = functional.normalize(vectors[0] + 0.1 * vectors[1], dim=0)  # nearly the first document
    english = vectors.clone()
    english[1] = functional.normalize(vectors[1] + 2 * vectors[2], dim=0)  # ranks the third above its own
    rows = replace(rows, english=english, documents=vectors)
    unsafe = unsafe_negatives(rows, torch.tensor([0, 1]), torch.tensor([0, 1, 2, 3]))
    assert unsafe.tolist() == [[False, False, False, True], [False, False, True, False]]


# Candidates


@given(st.text(), st.floats(0, 1), st.integers())
def test_noise_never_empties_a_text(text, share, seed):
    noised = add_noise(text, share, ["word"], random.Random(seed))
    assert bool(noised) == bool(text)
    assert add_noise(text, 0, ["word"], random.Random(seed)).split() == text.split()


def test_noise_spoils_more_at_a_greater_share():
    text = " ".join(f"word{n}" for n in range(200))
    kept = [len(set(text.split()) & set(add_noise(text, p, ["x"], random.Random(1)).split())) for p in (0.1, 0.3, 0.5)]
    assert kept[0] > kept[1] > kept[2] > 60


def test_a_gloss_learns_the_word_that_goes_best_with_another():
    pairs = [
        ("le chat noir", "the black cat"),
        ("le chien", "the dog"),
        ("un chat", "a cat"),
        ("un chien noir", "a black dog"),
    ]
    gloss = learn_gloss(pairs)
    assert gloss("un chat inconnu") == "a cat inconnu"


# Choice


def test_reciprocal_ranks_by_hand():
    """The first row's translations find its document first and second; the second row's both first."""
    vectors = torch.eye(3, WIDTH)
    rows = views(rows=2)
    own = torch.zeros(2, WIDTH)
    candidates = torch.stack([torch.stack([vectors[0], vectors[1]]), torch.stack([vectors[1], vectors[1]])])
    rows = replace(
        rows, own=View(own, rows.own.bins), candidates=View(candidates, rows.candidates.bins), documents=vectors[:2]
    )
    assert reciprocal_ranks(rows).tolist() == [[1.0, 0.5], [1.0, 1.0]]


@pytest.mark.parametrize("method", [Lira(arca_share=1.0), Lira(arca_share=1.0, task_reward=True)])
def test_the_actor_learns_the_better_translation(method, tmp_path):
    """One translation of each query is of another text: both rewards are against it."""
    rows = views(candidates=2, noise=0.05)
    wrong = rows.candidates.vectors.clone()
    wrong[:, 1] = wrong[torch.arange(len(rows)).roll(1), 0]
    rows = replace(rows, candidates=View(wrong, wrong[:, :, None].repeat(1, 1, BINS, 1)))
    network = train_lira(method, rows, Recipe(steps=80, batch=24, learning_rate=1e-2), tmp_path)
    with torch.no_grad():
        query, english = network.embed(rows.own), network.embed(rows.candidates)
        logits = network.preferences(rows.ratings, (english @ query[..., None]).squeeze(-1))
    assert float((logits[:, 0] > logits[:, 1]).float().mean()) > 0.9

"""The parts of `benchmarks.lira`: what is kept, what is left out of the method, noise, and measures by hand."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import lira_curve
from benchmarks.lira_bounds import edited
from benchmarks.lira_curve import word_error_rate
from benchmarks.lira_data import spoil_translations
from benchmarks.lira_measures import baseline_scores, compare_by_question, first, mean_of_languages, ndcg
from benchmarks.lira_reasoning import _ask, last_number
from benchmarks.lira_search import VARIANTS, actor_choice, variant_mean, with_bins, without_query, without_translation
from benchmarks.lira_work import Reported, Work, digest, noised_queries
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import LiraQuery
from retriever.models.lira import LiraNetwork, View
from tests.retriever.alignment.test_lira import WIDTH, views

TEXTS = ("Wane ne ya", "คุณเป็นใคร")


def part(count=8):
    rows = views(rows=count, noise=0.05)
    queries = [LiraQuery(("ha", "yo")[n % 2], TEXTS[0], f"Who is number {n}", f"{n}", f"{n}") for n in range(count)]
    return Reported("small", queries, [query.document for query in queries], rows, rows.documents)


@pytest.fixture
def work(tmp_path, fake_encoder):
    return Work(tmp_path, tmp_path, fake_encoder, steps=4)


def test_what_is_made_once_is_kept_and_what_breaks_off_is_not(work):
    with pytest.raises(ZeroDivisionError):
        work.keep("a", lambda: 1 // 0)
    assert work.keep("a", lambda: {"x": 1}) == {"x": 1}
    assert work.keep("a", lambda: 1 // 0) == {"x": 1}
    rows = views(rows=4)
    assert work.rows("r", lambda: rows).languages == rows.languages
    kept = work.rows("r", lambda: pytest.fail("made again"))
    torch.testing.assert_close(kept.candidates.bins, rows.candidates.bins)


def test_a_network_is_trained_once(work):
    rows = views(rows=16)
    for _ in range(2):
        work.network("n", Lira(queue=8), rows, rows, seed=3)
        assert len(list(work.folder.iterdir())) == 1
    work.network("n", Lira(queue=4), rows, rows, seed=3)
    work.network("n", Lira(queue=8), views(rows=8), rows, seed=3)
    assert len(list(work.folder.iterdir())) == 3


def test_names_of_what_is_kept_differ_with_what_it_is_made_from():
    rows = views(rows=4)
    made_from = [
        rows,
        replace(rows, ratings=rows.ratings + 1),
        replace(rows, own=View(rows.own.vectors, rows.own.bins[:, :1])),
        replace(rows, languages=["yo"] * 4),
        TEXTS,
        Lira(),
        Lira(queue=8),
    ]
    assert len({digest(one) for one in made_from}) == len(made_from)
    assert digest(rows, TEXTS) == digest(replace(rows, ratings=rows.ratings.clone()), TEXTS)


def test_rankings_by_hand():
    """The right documents are first and second: nDCG 1 and 1 / log2(3), R@1 1 and 0."""
    scores, right = torch.tensor([[0.9, 0.1], [0.9, 0.1]]), torch.tensor([0, 1])
    np.testing.assert_allclose(ndcg(scores, right), [1, 1 / np.log2(3)])
    np.testing.assert_allclose(first(scores, right), [1, 0])
    assert mean_of_languages(np.array([1.0, 0.0, 0.5]), ["ha", "ha", "yo"]) == 0.5


def test_the_difference_is_that_of_the_means_of_languages():
    codes = ["ha", "ha", "ha", "yo"]
    queries = [LiraQuery(code, "", f"Who is number {n}", "", "") for n, code in enumerate(codes)]
    values, others = np.array([1.0, 0.5, 0.0, 1.0]), np.array([0.5, 0.5, 0.0, 0.25])
    difference = mean_of_languages(values, codes) - mean_of_languages(others, codes)
    assert compare_by_question(values, others, queries).difference == pytest.approx(difference)


def test_two_rankings_that_agree_stay_as_they_are_when_fused():
    one = part()
    scores = baseline_scores(one.rows.own, one.rows.own.vectors, one.pool)
    assert all(
        ndcg(each, one.right).tolist() == ndcg(scores["query alone"], one.right).tolist() for each in scores.values()
    )


def test_an_untrained_network_with_a_part_left_out_is_that_view_alone():
    """Without the query it ranks as the translations do, in the mean; without translations as the query does."""
    one, network = part(), LiraNetwork(WIDTH).eval()
    own = ndcg(one.rows.own.vectors @ one.pool.T, one.right)
    assert variant_mean(network, VARIANTS["no translation"], one) == pytest.approx(own.mean())
    english = [ndcg(one.rows.candidates.vectors[:, n] @ one.pool.T, one.right) for n in range(2)]
    assert variant_mean(network, VARIANTS["no multilingual encoder"], one) == pytest.approx(np.mean(english))
    assert len(without_query(one.rows)) == 16
    assert torch.equal(without_translation(one.rows).candidates.vectors[:, 1], one.rows.own.vectors)


def test_fewer_bins_are_means_of_several():
    bins = torch.arange(8.0)[None, :, None].repeat(1, 1, WIDTH)
    rows = views(rows=2)
    changed = with_bins(2)(type(rows)(View(rows.own.vectors[:1], bins), rows.candidates, *[None] * 3, ["ha"]))
    assert changed.own.bins[0, :, 0].tolist() == [1.5, 5.5]
    assert changed.candidates.bins.shape == (2, 2, 2, WIDTH)


def test_some_queries_of_a_part():
    one = part()
    chosen = one.only([5, 2])
    assert [query.document for query in chosen.queries] == ["5", "2"]
    assert chosen.right.tolist() == [5, 2]
    assert chosen.rows.languages == ["yo", "ha"]
    assert one.first_of_languages(2) == [0, 2, 1, 3]


def test_the_actor_prefers_one_translation_of_each_query():
    one = part()
    assert actor_choice(LiraNetwork(WIDTH), one.rows).shape == (8,)


def test_noise_on_queries_is_by_letters_where_no_spaces_are():
    queries = [LiraQuery(code, text, "", "", "") for code, text in zip(("ha", "th"), TEXTS, strict=True)]
    noised = noised_queries(queries, 0.5)
    assert noised == noised_queries(queries, 0.5)
    assert [a != b for a, b in zip(noised, TEXTS, strict=True)] == [True, True]
    assert " " not in noised[1]
    assert noised_queries(queries, 0.0) == list(TEXTS)


def test_word_error_rate_grows_with_the_share():
    queries = [LiraQuery("ha", "", " ".join(f"w{n}x{m}" for n in range(20)), "", "") for m in range(20)]
    english = [query.english for query in queries]
    rates = [word_error_rate(spoil_translations(queries, share), english) for share in (0.1, 0.5, 0.9)]
    assert rates[0] < rates[1] < rates[2]
    assert word_error_rate(["the city Rome"], ["The city of Rome?"]) == 0.25


def test_an_edit_changes_one_word():
    rng = random.Random(1)
    assert {len(edited("a b c", rng).split()) for _ in range(20)} == {2, 4}
    assert edited("one", rng) == "one one"


def test_an_edit_changes_one_character_where_no_spaces_are():
    rng = random.Random(1)
    assert {len(edited(TEXTS[1], rng)) - len(TEXTS[1]) for _ in range(20)} == {-1, 1}


@pytest.mark.parametrize(("text", "number"), [("It is 1,015.00.", 1015), ("3 - 5 = -2", -2), ("none", None)])
def test_the_last_number_is_the_answer(text, number):
    assert last_number(text) == number


def test_a_question_is_asked_in_four_ways_and_kept(work, scripted):
    shown = []
    engine = scripted("Who is he?", "Who?")

    def is_right(text):
        shown.append(text)
        return "In English" in text

    asked = _ask(work, engine, "ha", "1", TEXTS[0], is_right)
    assert asked.right == (False, False, False, True)
    assert shown[0] == TEXTS[0]
    assert set(shown[1:-1]) <= {"Who is he?", "Who?"}
    assert shown[-1].startswith(TEXTS[0])
    assert _ask(work, engine, "ha", "1", TEXTS[0], pytest.fail) == asked


def test_the_curve_is_drawn_with_what_is_no_human_translation_as_a_point(tmp_path, monkeypatch):
    monkeypatch.setattr(lira_curve, "RESULTS", tmp_path)
    labels = {"10% of words spoilt": 0.1, "50% of words spoilt": 0.5, "gloss": 0.8}
    lira_curve.plot([["AfriQA", label, 8, rate, 0.6, 0.8, 0.7, 0.8, 0.8, *[0.0] * 8] for label, rate in labels.items()])
    assert (tmp_path / "lira-curve.png").stat().st_size > 5000

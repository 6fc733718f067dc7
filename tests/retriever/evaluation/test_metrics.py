import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.evaluation import metrics
from retriever.evaluation.metrics import (
    Comparison,
    alignment,
    compare,
    confidence_interval,
    fairness,
    peer,
    per_query,
    preference,
)
from retriever.evaluation.systems import best_passages
from retriever.evaluation.tasks import Task, Text


def test_measures_of_a_run_worked_out_by_hand():
    qrels = {"q1": {"a": 1}, "q2": {"b": 1}, "q3": {"c": 1}}
    run = {"q1": {"a": 0.9, "x": 0.5}, "q2": {"x": 0.9, "y": 0.8, "b": 0.7}}
    values = per_query(qrels, run)
    assert values["R@1"] == {"q1": 1, "q2": 0, "q3": 0}
    assert values["R@5"] == {"q1": 1, "q2": 1, "q3": 0}
    assert values["MRR@10"] == {"q1": 1, "q2": pytest.approx(1 / 3), "q3": 0}
    assert values["nDCG@10"]["q2"] == pytest.approx(1 / math.log2(4))
    assert values["success@3"] == {"q1": 1, "q2": 1, "q3": 0}


def test_fairness_by_hand():
    fair = fairness({"en": [1, 1, 1, 1], "ro": [1, 1, 1, 0], "th": [1, 0, 0, 0]})
    assert fair.mean == pytest.approx(2 / 3)
    assert (fair.worst, fair.worst_language, fair.spread) == (0.25, "th", 0.75)
    assert fair.to_english == 0.5
    assert fair.kruskal_p is not None
    assert fair.kruskal_p < 0.2
    same = fairness({"en": [1, 1], "ro": [1, 1]})
    assert same.spread == 0
    assert same.kruskal_p is None
    assert fairness({"ro": [1.0, 0.0]}).to_english is None


def test_the_paired_test_sees_a_difference_and_no_other():
    better = compare([1.0] * 30, [1.0] * 15 + [0.0] * 15)
    assert better.difference == 0.5
    assert better.low > 0.3
    assert better.p < 0.001
    assert compare([1.0, 0.0] * 15, [0.0, 1.0] * 15).p > 0.9
    assert compare([1.0, 0.0], [1.0, 0.0]).p == 1.0


def test_translations_of_a_question_are_not_independent(monkeypatch):
    """Two equal systems whose differences are half the question's and half the language's own."""
    monkeypatch.setattr(metrics, "RESAMPLES", 300)
    monkeypatch.setattr(metrics, "confidence_interval", lambda *_: (0.0, 0.0))  # the slower half, not tested here
    rng = np.random.default_rng(3)
    questions = [number // 8 for number in range(240)]
    rejected = {"clustered": 0, "as if independent": 0}
    for _ in range(200):
        differences = (rng.normal(size=30)[questions] + rng.normal(size=240)).tolist()
        rejected["clustered"] += compare(differences, [0.0] * 240, questions).p < 0.05
        rejected["as if independent"] += compare(differences, [0.0] * 240).p < 0.05
    assert 0.02 < rejected["clustered"] / 200 < 0.08
    assert rejected["as if independent"] / 200 > 0.2


def test_clusters_by_hand():
    """Two questions: of the four pairs of signs, the two equal ones are as extreme."""
    assert compare([1.0] * 6, [0.0] * 6, ["a"] * 3 + ["b"] * 3).p == 0.5
    values = [1.0, 1.0, 0.0, 0.0]
    assert confidence_interval(values, ["a", "a", "b", "b"]) == (0.0, 1.0)
    assert confidence_interval(values, ["a"] * 4) == (0.5, 0.5)
    assert confidence_interval(values, [1, 2, 3, 4]) == confidence_interval(values)


def test_five_wins_of_five_have_the_p_value_of_the_sign_test():
    assert compare([1.0] * 5, [0.0] * 5).p == pytest.approx(2 / 2**5)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=30))
def test_an_interval_holds_the_mean(values):
    low, high = confidence_interval(values)
    assert low - 1e-9 <= np.mean(values) <= high + 1e-9


def test_preference_for_the_querys_language():
    passages = {f"{n}@{lang}": Text("t", lang) for n in (1, 2) for lang in ("en", "ro")}
    task = Task(
        "mixed", "ro", {"q": Text("q", "ro"), "r": Text("r", "ro")}, "mixed", passages,
        {"q": {"1@en": 1, "1@ro": 1}, "r": {"2@en": 1, "2@ro": 1}}, {id_: id_[0] for id_ in passages},
    )  # fmt: skip
    run = {"q": {"1@ro": 0.9, "1@en": 0.8}, "r": {"2@en": 0.9, "1@ro": 0.8, "2@ro": 0.7}}
    preferred = preference(task, run)
    assert (preferred.top_share, preferred.lpr) == (0.5, 0.5)
    assert preferred.lang_ndcg == pytest.approx((1 + 1 / math.log2(4)) / 2)
    with pytest.raises(ValueError, match="versions"):
        preference(Task("L-en", "ro", {}, "en", passages, {}), run)


def test_peer_by_hand():
    """Two passages in two languages: H = 12/20 (3²/2 + 7²/2) - 15 = 2.4 apart, .6 mixed; chi² of 1 degree."""
    passages = {f"{n}{lang}": Text("t", lang) for n in (1, 2) for lang in ("en", "ro")}
    task = Task("mixed", "ro", {}, "mixed", passages, {"q": dict.fromkeys(passages, 1)})
    apart = {"q": {"1ro": 0.9, "2ro": 0.8, "1en": 0.7, "2en": 0.6}}
    mixed = {"q": {"1ro": 0.9, "1en": 0.8, "2ro": 0.7, "2en": 0.6}}
    assert peer(task, apart, 10) == pytest.approx(math.erfc(math.sqrt(2.4 / 2)))
    assert peer(task, mixed, 10) == pytest.approx(math.erfc(math.sqrt(0.6 / 2)))
    assert peer(task, {"q": {}}, 10) == 1
    # cut after the first: that passage has rank 1 and the others 3, so H = 1 with the correction for ties
    assert peer(task, mixed, 1) == pytest.approx(math.erfc(math.sqrt(1 / 2)))


def test_alignment_by_hand():
    english = np.eye(3, dtype=np.float32)
    perfect = alignment(english, english)
    assert (perfect.back_retrieval, perfect.anchoring_error) == (1, 0)
    swapped = alignment(english[[1, 0, 2]], english)
    assert swapped.back_retrieval == pytest.approx(1 / 3)
    assert swapped.anchoring_error == pytest.approx(2 * math.sqrt(2) / 3)


def test_the_best_are_kept_in_order():
    run = best_passages(["q"], ["a", "b", "c"], np.array([[0.1, 0.9, 0.5]], dtype=np.float32))
    assert list(run["q"]) == ["b", "c", "a"]


def test_a_single_query_shows_nothing():
    assert compare([1.0], [0.0]) == Comparison(1.0, 1.0, 1.0, 1.0)

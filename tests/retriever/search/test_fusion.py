import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.search.fusion import reciprocal_rank_fusion

RUNS = st.lists(st.lists(st.sampled_from("abcdefghij"), unique=True), max_size=4)


def test_scores_by_hand():
    fused = reciprocal_rank_fusion([["a", "b"], ["b", "c"]], [1.0, 0.5])
    assert fused == pytest.approx({"b": 1 / 62 + 0.5 / 61, "a": 1 / 61, "c": 0.5 / 62})
    assert list(fused) == ["b", "a", "c"]


@given(RUNS)
def test_one_run_keeps_its_order_and_no_item_is_lost(runs):
    for run in runs:
        assert list(reciprocal_rank_fusion([run], [1.0])) == run
    fused = reciprocal_rank_fusion(runs, [1.0] * len(runs))
    assert set(fused) == {item for run in runs for item in run}


def test_weights_must_fit():
    with pytest.raises(ValueError, match="2 runs need 2 weights"):
        reciprocal_rank_fusion([[], []], [1.0])

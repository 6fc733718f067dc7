import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.search.fusion import LEXICAL_WEIGHT, TIME_WEIGHT, fuse_scores

SCORES = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), max_size=6)


def test_by_hand():
    """The spread of .9 and .7 is .1; b has the best words, c half of them, and is as near as the least."""
    fused = fuse_scores({"a": 0.9, "b": 0.7}, [{"b": 8.0, "c": 4.0}], timely={"c"})
    assert list(fused) == ["a", "c", "b"]
    assert fused["a"] == pytest.approx(0.9)
    assert fused["b"] == pytest.approx(0.7 + 0.1 * LEXICAL_WEIGHT)
    assert fused["c"] == pytest.approx(0.7 + 0.1 * (0.5 * LEXICAL_WEIGHT + TIME_WEIGHT))


@pytest.mark.parametrize("count", [2, 7])
def test_words_part_passages_that_are_equally_near(count):
    names = [chr(ord("a") + n) for n in range(count)]
    assert next(iter(fuse_scores(dict.fromkeys(names, 0.9), [{"b": 2.0}]))) == "b"
    assert next(iter(fuse_scores(dict.fromkeys(names, 0.9), timely={"b"}))) == "b"


def test_nothing_nearest_leaves_the_order_of_words():
    assert list(fuse_scores({}, [{"a": 1.0, "b": 2.0}])) == ["b", "a"]


def test_words_do_not_outweigh_a_clear_lead():
    nearness = {"right": 0.9, **{f"other {n}": 0.7 + 0.001 * n for n in range(20)}}
    assert next(iter(fuse_scores(nearness, [{"other 3": 5.0, "other 4": 4.0}]))) == "right"


@given(SCORES, st.lists(SCORES, max_size=3), st.sets(st.sampled_from("abcdef")))
def test_every_passage_once_best_first(nearness, lexical, timely):
    fused = fuse_scores(nearness, lexical, timely)
    assert set(fused) == set(nearness).union(*lexical)
    assert list(fused.values()) == sorted(fused.values(), reverse=True)
    if not any(lexical) and not timely:
        assert list(fused) == sorted(nearness, key=nearness.__getitem__, reverse=True)


@given(SCORES, SCORES, st.floats(0.1, 10), st.floats(-5, 5))
def test_the_unit_and_the_zero_of_nearness_do_not_matter(nearness, words, scale, shift):
    """So one weight serves encoders and re-rankers whose scores lie anywhere."""
    if len({round(score, 3) for score in nearness.values()}) < 2:
        return
    first = fuse_scores(nearness, [words])
    second = fuse_scores({id_: scale * score + shift for id_, score in nearness.items()}, [words])
    for id_, score in first.items():
        assert second[id_] == pytest.approx(scale * score + shift, abs=1e-6)

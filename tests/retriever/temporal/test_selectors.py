"""Selectors and their agreement with the oracle: by hand, by invariant, and on real questions."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.errors import DataError
from retriever.temporal.agreement import agreement, compare_selectors
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.demonstrations import split_questions
from retriever.temporal.questions import FactQuery, Neighbour, TemporalQuestion, read_tempreason
from retriever.temporal.selectors import (
    BM25Selector,
    MappedSelector,
    RandomSelector,
    SimilaritySelector,
    StructuredSelector,
    all_selectors,
    structural_similarity,
    top_k,
)
from retriever.types import Month

L1 = [TemporalQuestion(str(n), MonthShift(Month(1900 + n, 5), 12 * n, n % 2 == 0), ("x",)) for n in range(8)]
L2 = [
    TemporalQuestion(f"{relation}{year}", FactQuery(relation, subject, Month(year, 3)), ("x",))
    for relation, subject in (("coach", "FC Porto"), ("employer", "Marie Curie"))
    for year in (1950, 1951, 1990)
]


@dataclass(frozen=True)
class Given:
    """Scores made up beforehand."""

    rows: np.ndarray
    name: str = "given"

    def scores(self, asked, pool, language):
        return self.rows


def test_the_best_are_chosen_best_first():
    scores = np.array([[0.1, 0.9, 0.5, 0.9], [0.4, 0.3, 0.2, 0.1]], dtype=np.float32)
    assert top_k(scores, 3).tolist() == [[1, 3, 2], [0, 1, 2]]


def test_agreement_by_hand():
    oracle = np.array([[4, 3, 2, 1, 0, 0]], dtype=np.float32)
    found = agreement(L2[:1], L2, np.array([[4, 3, 0, 0, 2, 1]], dtype=np.float32), oracle)
    assert found.overlap == pytest.approx(2 / 3)  # 0 and 1 of 0, 1, 2
    assert found.same_relation == pytest.approx(2 / 3)  # 0 and 1 ask for a coach, 4 for an employer
    assert found.same_task == 1.0
    # Spearman is Pearson of the ranks, ties sharing theirs.
    ranks = np.array([6, 5, 1.5, 1.5, 4, 3]), np.array([6, 5, 4, 3, 1.5, 1.5])
    assert found.correlation == pytest.approx(np.corrcoef(*ranks)[0, 1])
    sums = agreement(L1[:1], L1, np.ones((1, 8)), np.ones((1, 8)) * range(8))
    assert (sums.correlation, sums.same_relation) == (0, None)  # scores that are all alike; questions without relations


def test_likeness_by_hand():
    coach = FactQuery("coach", "FC Porto", Month(1950, 3))
    assert structural_similarity(coach, FactQuery("coach", "Ajax", Month(1960, 3))) == pytest.approx(
        1
    )  # names count by their vectors
    assert structural_similarity(coach, FactQuery("coach", "Ajax", Neighbour("X", after=True))) == pytest.approx(0.8)
    assert structural_similarity(coach, FactQuery("party", "FC Porto", Month(1950, 3))) == pytest.approx(0.2)
    before, after = (FactQuery("coach", "FC Porto", Neighbour("X", after=a)) for a in (False, True))
    assert structural_similarity(before, after) == pytest.approx(1)
    assert structural_similarity(
        MonthShift(Month(1900, 1), 5, after=True), MonthShift(Month(1900, 1), 5, after=True)
    ) == pytest.approx(1)
    sum_ = MonthShift(Month(1900, 1), 5, after=True)
    assert structural_similarity(sum_, MonthShift(Month(2000, 1), 29, after=True)) == pytest.approx(
        0.8 + 0.1 / 11
    )  # a century: ten halves
    assert structural_similarity(sum_, MonthShift(Month(1900, 2), 5, after=True)) == pytest.approx(
        0.6 + 0.1 / (1 + 1 / 120)
    )
    assert structural_similarity(sum_, MonthShift(Month(1900, 1), 5, after=False)) == pytest.approx(0.5)
    assert structural_similarity(MonthShift(Month(1900, 1), 5, after=True), coach) == 0
    assert structural_similarity(None, coach) == 0


months = st.builds(Month, st.integers(1000, 2100), st.integers(1, 12))
contents = st.one_of(
    st.builds(MonthShift, months, st.integers(0, 400), st.booleans()),
    st.builds(FactQuery, st.sampled_from(["coach", "party"]), st.sampled_from(["A", "B"]), months),
    st.builds(
        FactQuery, st.sampled_from(["coach", "party"]), st.just("A"), st.builds(Neighbour, st.just("R"), st.booleans())
    ),
)


@given(contents, contents)
def test_nothing_is_more_like_a_question_than_itself(one, other):
    assert structural_similarity(one, one) == pytest.approx(1)
    assert 0 <= structural_similarity(one, other) <= structural_similarity(one, one) + 1e-9
    assert structural_similarity(one, other) == pytest.approx(structural_similarity(other, one))


class Names:
    """An encoder to which a name's first letter is all there is of it."""

    def encode_queries(self, texts):
        return np.eye(27, dtype=np.float32)[[ord(text[0].lower()) - ord("a") if text else 26 for text in texts]]


LIKE = [
    TemporalQuestion(f"{relation} {name}", FactQuery(relation, name, when), ("x",))
    for relation in ("coach", "employer")
    for name, when in (
        ("Ajax", Month(1950, 3)),
        ("Bayern", Month(1960, 5)),
        ("Ajax", Neighbour("Cruyff", after=True)),
        ("Ajax", Neighbour("Dik", after=True)),
    )
]


@pytest.mark.parametrize("language", ["ro", "hi", "ar", "th", "zh", "de"])
def test_structure_is_read_in_every_language(language):
    flat = Given(np.zeros((8, 8), dtype=np.float32))
    first = top_k(StructuredSelector(flat, Names()).scores(LIKE, LIKE, language), 1)[:, 0]
    assert first.tolist() == list(range(8))  # each finds itself by what it asks, with words that say nothing


def test_what_is_asked_comes_before_names_and_names_beside_words():
    words = np.array([[1, 0, 0, 0, 5, 0, 0, 0]], dtype=np.float32)
    order = top_k(StructuredSelector(Given(words), Names()).scores(LIKE[:1], LIKE, "ro"), 8)[0].tolist()
    assert order[:2] == [0, 1]  # the same relation and kind, the same name first, however near the words of 4 are
    assert set(order[2:4]) == {2, 3}  # the same relation, of a neighbour
    assert order[4] == 4
    no_names = StructuredSelector(Given(np.arange(64, dtype=np.float32).reshape(8, 8)), Names()).scores(L1, L1, "ro")
    assert np.isfinite(no_names).all()


def test_random_is_random_and_repeats():
    one, again = (RandomSelector(3).scores(L1, L2, "ro") for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, RandomSelector(4).scores(L1, L2, "ro"))
    many = RandomSelector(1).scores(L1 * 100, L2, "ro")
    first = np.bincount(top_k(many, 1)[:, 0], minlength=6)
    assert first.min() > 80  # 800 draws of 6: 133 each, standard deviation 10.5


class Turned:
    """An encoder that puts a language's questions a quarter turn away from the English ones."""

    def encode_queries(self, texts):
        rng = [np.random.default_rng(int("".join(c for c in text if c.isdigit())[-4:])) for text in texts]
        english = np.array([own.normal(size=4) for own in rng], dtype=np.float32)
        english /= np.linalg.norm(english, axis=1, keepdims=True)
        turn = np.array([[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0]], dtype=np.float32)
        return english if texts[0].startswith("What") else english @ turn


@pytest.mark.parametrize("unseen", [False, True])
def test_a_linear_map_undoes_what_a_linear_map_did(unseen):
    pool = [TemporalQuestion(str(n), MonthShift(Month(1500 + n, 5), 12, after=True), ("x",)) for n in range(40)]
    oracle = SimilaritySelector(Turned(), "oracle", translated_pool=True).scores(pool, pool, "ro")
    found = MappedSelector(Turned(), unseen, ridge=1e-4).scores(pool, pool, "ro")
    np.testing.assert_allclose(found, oracle, atol=0.01)
    assert agreement(pool, pool, SimilaritySelector(Turned(), "").scores(pool, pool, "ro"), oracle).overlap < 0.5


def test_words_alone_find_names_in_another_language():
    scores = BM25Selector().scores(L2[3:4], L2, "ro")  # Marie Curie
    assert set(top_k(scores, 3)[0].tolist()) == {3, 4, 5}


def test_no_subject_is_on_both_sides(data):
    questions = [q for n in (1, 2, 3) for q in read_tempreason(data / "tempreason" / f"test_l{n}.jsonl")]
    split = split_questions(questions, pool=200, asked=50)
    sides = [{q.content.subject for q in side if q.task != "l1"} for side in (split.pool, split.asked)]
    assert not sides[0] & sides[1]
    counts = {task: sum(q.task == task for q in split.pool) for task in ("l1", "l2", "l3")}
    assert counts == {"l1": 200, "l2": 200, "l3": 200}
    assert split == split_questions(questions, pool=200, asked=50)
    with pytest.raises(DataError, match="too few"):
        split_questions(questions[:2], pool=2, asked=2)


@pytest.mark.slow
def test_selectors_beside_the_oracle_on_real_questions(base_encoder, data):
    questions = read_tempreason(data / "tempreason" / "test_l2.jsonl")
    split = split_questions(questions, pool=200, asked=40)
    found = {
        name: value
        for _, _, name, value in compare_selectors(split, ["ro"], base_encoder, all_selectors(base_encoder, {}))
    }
    assert list(found) == [
        "random",
        "bm25",
        "X-InSTA",
        "question translated",
        "mapped",
        "mapped (unseen pool)",
        "structured",
    ]
    assert found["random"].overlap < 0.1 < 0.5 < found["X-InSTA"].overlap
    assert abs(found["random"].correlation) < 0.05
    assert found["structured"].same_relation > 0.99
    assert found["mapped"].overlap > found["mapped (unseen pool)"].overlap
    assert found["mapped"].overlap > found["X-InSTA"].overlap + 0.05
    oracle = SimilaritySelector(base_encoder, "oracle", translated_pool=True)
    assert next(iter(compare_selectors(split, ["ro"], base_encoder, [oracle])))[3].overlap == 1.0

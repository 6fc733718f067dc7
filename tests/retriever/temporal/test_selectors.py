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
class FixedSelector:
    """A selector with fixed scores."""

    rows: np.ndarray
    name: str = "fixed"

    def scores(self, questions, pool, language):
        return self.rows


def test_the_best_are_chosen_best_first():
    scores = np.array([[0.1, 0.9, 0.5, 0.9], [0.4, 0.3, 0.2, 0.1]], dtype=np.float32)
    assert top_k(scores, 3).tolist() == [[1, 3, 2], [0, 1, 2]]


def test_agreement_by_hand():
    oracle = np.array([[4, 3, 2, 1, 0, 0]], dtype=np.float32)
    result = agreement(L2[:1], L2, np.array([[4, 3, 0, 0, 2, 1]], dtype=np.float32), oracle)
    assert result.overlap == pytest.approx(2 / 3)  # 0 and 1 of 0, 1, 2
    assert result.same_relation == pytest.approx(2 / 3)  # 0 and 1 ask for a coach, 4 for an employer
    assert result.same_task == 1.0
    assert result.same_month is None
    # Spearman is Pearson of the ranks, ties sharing theirs.
    ranks = np.array([6, 5, 1.5, 1.5, 4, 3]), np.array([6, 5, 4, 3, 1.5, 1.5])
    assert result.correlation == pytest.approx(np.corrcoef(*ranks)[0, 1])
    # Scores that are all equal; questions without relations.
    rising = np.arange(8, dtype=np.float32)[None]
    equal = agreement(L1[:1], L1, np.ones((1, 8), dtype=np.float32), rising)
    assert (equal.correlation, equal.same_relation) == (0, None)
    assert equal.same_month == 1  # whole years, from May: all answers are in May
    other_month = [TemporalQuestion("m", MonthShift(Month(1900, 5), 1, after=True), ("x",))]
    assert agreement(other_month, L1, rising, rising).same_month == 0


def test_structural_similarity_of_fact_queries_by_hand():
    coach = FactQuery("coach", "FC Porto", Month(1950, 3))
    # Names do not count here but by their vectors.
    assert structural_similarity(coach, FactQuery("coach", "Ajax", Month(1960, 3))) == pytest.approx(1)
    assert structural_similarity(coach, FactQuery("coach", "Ajax", Neighbour("X", after=True))) == pytest.approx(0.8)
    assert structural_similarity(coach, FactQuery("party", "FC Porto", Month(1950, 3))) == pytest.approx(0.2)
    before, after = (FactQuery("coach", "FC Porto", Neighbour("X", after=a)) for a in (False, True))
    assert structural_similarity(before, after) == pytest.approx(1)
    assert structural_similarity(MonthShift(Month(1900, 1), 5, after=True), coach) == 0
    assert structural_similarity(None, coach) == 0


@pytest.mark.parametrize(
    ("other", "similarity"),
    [
        (MonthShift(Month(1900, 1), 5, after=True), 1),
        (MonthShift(Month(2000, 1), 29, after=True), 0.8 + 0.1 / 11),  # a century is ten times ten years
        (MonthShift(Month(1900, 2), 5, after=True), 0.6 + 0.1 / (1 + 1 / 120)),
        (MonthShift(Month(1900, 1), 5, after=False), 0.5),
    ],
)
def test_structural_similarity_of_shifts_by_hand(other, similarity):
    shift = MonthShift(Month(1900, 1), 5, after=True)
    assert structural_similarity(shift, other) == pytest.approx(similarity)


months = st.builds(Month, st.integers(1000, 2100), st.integers(1, 12))
contents = st.one_of(
    st.builds(MonthShift, months, st.integers(0, 400), st.booleans()),
    st.builds(FactQuery, st.sampled_from(["coach", "party"]), st.sampled_from(["A", "B"]), months),
    st.builds(
        FactQuery, st.sampled_from(["coach", "party"]), st.just("A"), st.builds(Neighbour, st.just("R"), st.booleans())
    ),
)


@given(contents, contents)
def test_a_question_is_most_similar_to_itself(one, other):
    assert structural_similarity(one, one) == pytest.approx(1)
    assert 0 <= structural_similarity(one, other) <= structural_similarity(one, one) + 1e-9
    assert structural_similarity(one, other) == pytest.approx(structural_similarity(other, one))


class FirstLetterEncoder:
    """An encoder that sees the first letter of a name only."""

    def encode_queries(self, texts):
        return np.eye(27, dtype=np.float32)[[ord(text[0].lower()) - ord("a") if text else 26 for text in texts]]


NAMED = [
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
    flat = FixedSelector(np.zeros((8, 8), dtype=np.float32))
    first = top_k(StructuredSelector(flat, FirstLetterEncoder()).scores(NAMED, NAMED, language), 1)[:, 0]
    assert first.tolist() == list(range(8))  # each is nearest to itself, by its structure alone


def test_structure_comes_before_names_and_names_beside_words():
    words = np.array([[1, 0, 0, 0, 5, 0, 0, 0]], dtype=np.float32)
    selector = StructuredSelector(FixedSelector(words), FirstLetterEncoder())
    order = top_k(selector.scores(NAMED[:1], NAMED, "ro"), 8)[0].tolist()
    assert order[:2] == [0, 1]  # the same relation and kind, the same name first, however near the words of 4 are
    assert set(order[2:4]) == {2, 3}  # the same relation, of a neighbour
    assert order[4] == 4


def test_structure_of_questions_without_names():
    words = np.arange(64, dtype=np.float32).reshape(8, 8)
    scores = StructuredSelector(FixedSelector(words), FirstLetterEncoder()).scores(L1, L1, "ro")
    assert np.isfinite(scores).all()


def test_random_is_random_and_repeats():
    one, again = (RandomSelector(3).scores(L1, L2, "ro") for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, RandomSelector(4).scores(L1, L2, "ro"))
    many = RandomSelector(1).scores(L1 * 100, L2, "ro")
    first = np.bincount(top_k(many, 1)[:, 0], minlength=6)
    assert first.min() > 80  # 800 draws of 6: 133 each, standard deviation 10.5


class QuarterTurnEncoder:
    """An encoder that turns the vectors of other languages' questions a quarter from the English ones."""

    def encode_queries(self, texts):
        seeds = [int("".join(c for c in text if c.isdigit())[-4:]) for text in texts]
        english = np.array([np.random.default_rng(seed).normal(size=4) for seed in seeds], dtype=np.float32)
        english /= np.linalg.norm(english, axis=1, keepdims=True)
        turn = np.array([[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0]], dtype=np.float32)
        return english if texts[0].startswith("What") else english @ turn


@pytest.mark.parametrize("unseen", [False, True])
def test_the_map_undoes_a_quarter_turn(unseen):
    pool = [TemporalQuestion(str(n), MonthShift(Month(1500 + n, 5), 12, after=True), ("x",)) for n in range(40)]
    oracle = SimilaritySelector(QuarterTurnEncoder(), "oracle", translated_pool=True).scores(pool, pool, "ro")
    scores = MappedSelector(QuarterTurnEncoder(), unseen, ridge=1e-4).scores(pool, pool, "ro")
    np.testing.assert_allclose(scores, oracle, atol=0.01)
    unmapped = SimilaritySelector(QuarterTurnEncoder(), "unmapped").scores(pool, pool, "ro")
    assert agreement(pool, pool, unmapped, oracle).overlap < 0.5


def test_words_alone_find_names_in_another_language():
    scores = BM25Selector().scores(L2[3:4], L2, "ro")  # Marie Curie
    assert set(top_k(scores, 3)[0].tolist()) == {3, 4, 5}


def test_no_subject_is_on_both_sides(data):
    questions = [q for n in (1, 2, 3) for q in read_tempreason(data / "tempreason" / f"test_l{n}.jsonl")]
    split = split_questions(questions, pool=200, questions=50)
    sides = [{q.content.subject for q in side if q.task != "l1"} for side in (split.pool, split.questions)]
    assert not sides[0] & sides[1]
    counts = {task: sum(q.task == task for q in split.pool) for task in ("l1", "l2", "l3")}
    assert counts == {"l1": 200, "l2": 200, "l3": 200}
    assert split == split_questions(questions, pool=200, questions=50)
    with pytest.raises(DataError, match="too few"):
        split_questions(questions[:2], pool=2, questions=2)


@pytest.mark.slow
def test_selectors_beside_the_oracle_on_real_questions(base_encoder, data):
    questions = read_tempreason(data / "tempreason" / "test_l2.jsonl")
    split = split_questions(questions, pool=200, questions=40)
    rows = compare_selectors(split, ["ro"], base_encoder, all_selectors(base_encoder, {}))
    results = {row.selector: row.agreement for row in rows}
    assert list(results) == [
        "random",
        "bm25",
        "X-InSTA",
        "question translated",
        "mapped",
        "mapped (unseen pool)",
        "structured",
    ]
    assert results["random"].overlap < 0.1 < 0.5 < results["X-InSTA"].overlap
    assert abs(results["random"].correlation) < 0.05
    structured_relation = results["structured"].same_relation
    assert structured_relation is not None
    assert structured_relation > 0.99
    assert results["mapped"].overlap > results["mapped (unseen pool)"].overlap
    assert results["mapped"].overlap > results["X-InSTA"].overlap + 0.05
    oracle = SimilaritySelector(base_encoder, "oracle", translated_pool=True)
    assert next(iter(compare_selectors(split, ["ro"], base_encoder, [oracle]))).agreement.overlap == 1.0

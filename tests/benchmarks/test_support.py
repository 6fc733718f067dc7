import pytest

from benchmarks.support import Candidate, Case, Kind, coverage, fit, table_row

GOOD = {"answers": 6.0, "logprob": -0.05, "z_score": 4.0, "echo": -1.0}
BAD = {"answers": -6.0, "logprob": -2.0, "z_score": 0.0, "echo": 2.0}
GOOD_EXCERPT = {"answers": 6.0, "z_score": 6.0, "pmi": 6.0}
BAD_EXCERPT = {"answers": -6.0, "z_score": 0.0, "pmi": 0.0}


@pytest.mark.parametrize(
    ("right", "scores", "share"),
    [
        ([True, True, False, False], [0.9, 0.8, 0.7, 0.6], 0.5),
        ([False, True, True, True], [0.1, 0.9, 0.8, 0.7], 0.75),
        ([False, True], [0.9, 0.1], 0.0),
        ([False] + [True] * 9, [0.5] + [0.9] * 9, 1.0),
    ],
)
def test_coverage_is_the_share_that_can_be_shown(right, scores, share):
    assert coverage(right, scores, risk=0.1) == pytest.approx(share)


def case(words: Candidate | None, excerpt: Candidate, kind: Kind = "answerable") -> Case:
    return Case("en", words, excerpt, kind)


def test_words_are_shown_before_an_excerpt_and_an_excerpt_before_nothing():
    words, doubtful = Candidate(GOOD, True), Candidate(BAD, False)
    excerpt, useless = Candidate(GOOD_EXCERPT, True), Candidate(BAD_EXCERPT, False)
    assert case(words, excerpt).shown is words
    assert case(doubtful, excerpt).shown is excerpt
    assert case(None, excerpt).shown is excerpt
    assert case(doubtful, useless).shown is None
    assert case(words, useless).shown is None


def test_a_row_counts_what_is_shown():
    words, excerpt = Candidate(GOOD, True), Candidate(GOOD_EXCERPT, False)
    doubtful, useless = Candidate(BAD, False), Candidate(BAD_EXCERPT, False)
    cases = [
        case(words, Candidate(GOOD_EXCERPT, True)),
        case(doubtful, excerpt),
        case(doubtful, useless, "without passage"),
    ]
    row = table_row("en", cases)
    assert row[:3] == ["en", 2, 0.5]
    assert row[-5:] == [1.0, 0.5, 0.5, 1.0, None]
    assert table_row("en", [*cases, case(words, excerpt, "other subject")])[-2:] == [1.0, 0.0]


def test_a_fitted_regression_tells_right_from_wrong():
    right, wrong = (
        (Candidate(GOOD, True), Candidate(GOOD_EXCERPT, True)),
        (Candidate(BAD, False), Candidate(BAD_EXCERPT, False)),
    )
    models = fit([case(*right), case(*wrong)] * 5)
    assert models["cases"] == 10
    weights = models["words"][0]["weights"]
    assert {name: weight > 0 for name, weight in weights.items()} == {
        "answers": True, "logprob": True, "z_score": True, "echo": False
    }  # fmt: skip
    assert set(models["words"][1]["weights"]) == {"answers", "logprob"}
    assert [set(one["weights"]) for one in models["excerpt"]] == [
        {"answers", "z_score", "pmi"}, {"answers", "pmi"}, {"answers", "z_score"}, {"answers"}
    ]  # fmt: skip
    assert all(weight > 0 for one in models["excerpt"] for weight in one["weights"].values())

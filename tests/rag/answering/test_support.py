import json
import math
from importlib.resources import files

import numpy as np
import pytest

from rag.answering.evidence import Snippet
from rag.answering.reader import Judgement, Reading
from rag.answering.support import (
    Regression,
    excerpt_features,
    is_supported,
    load_regressions,
    regression_of,
    support,
    words_features,
)
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Passage, Query

PASSAGE = Passage("1", "d", "Canal", "It was opened in 1914.", None, 0, 22, "en")
QUERY = Query("When?", "en", np.array([1, 0], dtype=np.float32))
HIT = Hit(PASSAGE, 1.0, 0.9, None, "en")


def judgement(z_score: float | None = 4.0, pmi: float | None = None) -> Judgement:
    return Judgement(HIT, 2.0, z_score, pmi)


def reading(z_score: float | None = 4.0) -> Reading:
    return Reading(judgement(z_score), 17, 21, (-0.1, -0.3))


def baseline(*cosines: float) -> ScoreBaseline:
    vectors = np.array([[cosine, math.sqrt(1 - cosine**2)] for cosine in cosines], dtype=np.float32)
    return ScoreBaseline(vectors, ("en",) * len(cosines))


def test_a_logistic_regression_by_hand():
    regression = Regression({"a": 2.0, "b": -1.0}, bias=0.5, min_support=0.5)
    assert regression.probability({"a": 1.0, "b": 2.5}) == pytest.approx(0.5)
    assert regression.probability({"a": 2.0, "b": 2.5}) == pytest.approx(1 / (1 + math.exp(-2)))
    assert regression.probability({"a": 1e9, "b": 0.0}) == pytest.approx(1.0)


ORDINARY = baseline(*[0.4] * 10, *[0.6] * 10)


class WordsEncoder:
    """Every text's vector has the cosine .7 with the query's."""

    def encode_queries(self, texts):
        return np.array([[0.7, math.sqrt(1 - 0.49)]] * len(texts), dtype=np.float32)


def features_of(some_reading: Reading, ordinary: ScoreBaseline = ORDINARY) -> dict[str, float]:
    return words_features(QUERY, some_reading, WordsEncoder(), ordinary)


@pytest.mark.parametrize(("z_score", "bounded"), [(3.5, 3.5), (4.0, 4.0), (6.5, 4.0)])
def test_the_features_of_words(z_score, bounded):
    expected = {"answers": 2.0, "logprob": -0.2, "z_score": bounded, "echo": 2.0}
    assert features_of(reading(z_score)) == pytest.approx(expected, abs=1e-4)


def test_the_features_of_an_excerpt():
    sentences = np.array([[0.7, math.sqrt(1 - 0.49)], [0.8, 0.6]], dtype=np.float32)
    excerpt = Snippet(1, HIT, 0, 22, ((0, 10), (10, 22)), sentences)
    features = excerpt_features(QUERY, judgement(), excerpt, ORDINARY)
    assert features == pytest.approx({"answers": 2.0, "z_score": 3.0}, abs=1e-4)
    assert excerpt_features(QUERY, judgement(None), excerpt, baseline(0.4, 0.6)) == {"answers": 2.0}
    told = excerpt_features(QUERY, judgement(pmi=9.0), excerpt, ORDINARY)
    assert told == pytest.approx(features | {"pmi": 3.0})
    assert excerpt_features(QUERY, judgement(pmi=-9.0), excerpt, ORDINARY)["pmi"] == 0.0


def test_a_small_library_has_support_too():
    words = features_of(reading(None), baseline(0.4, 0.6))
    assert words.keys() == {"answers", "logprob"}
    assert support("words", words) > support("words", words | {"answers": -4.0})
    assert support("excerpt", {"answers": 2.0}) > support("excerpt", {"answers": -4.0})


def test_more_of_a_sign_is_more_support():
    features = features_of(reading(2.0))
    for name in ("answers", "logprob", "z_score"):
        assert support("words", features | {name: features[name] + 1}) > support("words", features), name


@pytest.mark.parametrize("features", [{"answers": 1.0}, {"answers": 1.0, "z_score": 2.5}])
def test_a_passage_that_tells_nothing_of_the_question_is_not_shown(features):
    assert not is_supported("excerpt", features | {"pmi": 0.0})
    assert is_supported("excerpt", features | {"pmi": 6.0})


def test_the_regression_is_the_first_that_takes_the_features():
    assert regression_of("excerpt", {"answers": 1.0, "z_score": 2.0, "pmi": 1.0}).weights.keys() == {
        "answers",
        "z_score",
        "pmi",
    }
    assert regression_of("excerpt", {"answers": 1.0, "pmi": 1.0}).weights.keys() == {"answers", "pmi"}
    assert regression_of("excerpt", {"answers": 1.0, "z_score": 2.0}).weights.keys() == {"answers", "z_score"}
    assert regression_of("excerpt", {"answers": 1.0}).weights.keys() == {"answers"}


def test_words_that_say_the_question_again_have_less():
    features = features_of(reading())
    assert support("words", features | {"echo": features["echo"] + 2}) < support("words", features)


@pytest.mark.parametrize("shown", ["words", "excerpt"])
def test_the_shipped_file_says_what_made_it(shown):
    for regression in load_regressions(shown):
        assert 0 < regression.min_support < 1
    assert load_regressions(shown)[-1].weights.keys() <= {"answers", "logprob"}  # which every engine tells
    text = files("rag.answering").joinpath("support.json").read_text(encoding="utf-8")
    assert "benchmarks.support" in json.loads(text)["command"]

import json
import math

import numpy as np
import pytest

from rag.answering.reader import Reading
from rag.answering.support import Regression, load_support_model, support, support_features
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Passage, Query

PASSAGE = Passage("1", "d", "Canal", "It was opened in 1914.", None, 0, 22, "en")
QUERY = Query("When?", "en", np.array([1, 0], dtype=np.float32))


def reading(dense: float | None = 0.9, answers: float = 2.0) -> Reading:
    return Reading(Hit(PASSAGE, 1.0, dense, None, "en"), 17, 21, answers, (-0.1, -0.3))


def baseline(*cosines: float) -> ScoreBaseline:
    vectors = np.array([[cosine, math.sqrt(1 - cosine**2)] for cosine in cosines], dtype=np.float32)
    return ScoreBaseline(vectors, ("en",) * len(cosines))


def test_a_logistic_regression_by_hand():
    regression = Regression({"a": 2.0, "b": -1.0}, bias=0.5, min_support=0.5)
    assert regression.probability({"a": 1.0, "b": 2.5}) == pytest.approx(0.5)
    assert regression.probability({"a": 2.0, "b": 2.5}) == pytest.approx(1 / (1 + math.exp(-2)))
    assert regression.probability({"a": 1e9, "b": 0.0}) == pytest.approx(1.0)


def test_the_features_of_a_reading():
    features = support_features(QUERY, reading(), baseline(*[0.4] * 10, *[0.6] * 10))
    assert features == pytest.approx({"answers": 2.0, "logprob": -0.2, "z_score": 4.0}, abs=1e-4)
    by_words_alone = support_features(QUERY, reading(dense=None), baseline(*[0.4] * 10, *[0.6] * 10))
    assert by_words_alone["z_score"] == 0.0


def test_a_small_library_has_support_too():
    features = support_features(QUERY, reading(), baseline(0.4, 0.6))
    assert "z_score" not in features
    assert support(features) > support(features | {"answers": -4.0})


def test_more_of_a_sign_is_more_support():
    features = support_features(QUERY, reading(), baseline(*[0.4] * 10, *[0.6] * 10))
    for name in ("answers", "z_score"):
        assert support(features | {name: features[name] + 3}) > support(features), name


def test_the_shipped_file_says_what_made_it():
    model = load_support_model()
    assert 0 < model.with_baseline.min_support < 1
    assert 0 < model.without_baseline.min_support < 1
    assert set(model.without_baseline.weights) == set(model.with_baseline.weights) - {"z_score"}
    from importlib.resources import files

    assert "benchmarks.support" in json.loads(files("rag.answering").joinpath("support.json").read_text())["command"]

"""Support: how probable it is that words read out of a passage answer the question.

A logistic regression (`support.json`) over what the model and the search say of them. `python -m benchmarks.support`
fits and measures it.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from rag.answering.evidence import passage_z_score
from rag.answering.reader import Reading
from retriever.store.baseline import ScoreBaseline
from retriever.types import Query


@dataclass(frozen=True, slots=True)
class Regression:
    """A logistic regression: the probability is 1 / (1 + exp(-(bias + Σ weight · feature))).

    `min_support` is the least probability of an answer that is shown.
    """

    weights: Mapping[str, float]
    bias: float
    min_support: float

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability for these features, each of which must be there."""
        logit = self.bias + sum(weight * features[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


@dataclass(frozen=True, slots=True)
class SupportModel:
    """The regression for libraries with a baseline, and the one for smaller ones."""

    with_baseline: Regression
    without_baseline: Regression


@functools.cache
def load_support_model() -> SupportModel:
    """The model that ships."""
    values = json.loads(files("rag.answering").joinpath("support.json").read_text(encoding="utf-8"))
    return SupportModel(Regression(**values["with_baseline"]), Regression(**values["without_baseline"]))


def support_features(query: Query, reading: Reading, baseline: ScoreBaseline) -> dict[str, float]:
    """What support is computed from.

    `answers` is the model's log-odds of yes to whether the passage answers the question, `logprob` the mean
    log-probability of the words' tokens. `z_score` is how far the passage stands above ordinary ones; missing if the
    library is too small to tell.
    """
    features = {
        "answers": reading.answers,
        "logprob": sum(reading.logprobs) / max(1, len(reading.logprobs)),
    }
    if (z_score := passage_z_score(query, reading.hit, baseline)) is not None:
        features["z_score"] = z_score
    return features


def support(features: Mapping[str, float]) -> float:
    """The probability that the words answer the question."""
    return _regression(features).probability(features)


def is_supported(features: Mapping[str, float]) -> bool:
    """Whether the words are probable enough to be shown."""
    return support(features) >= _regression(features).min_support


def _regression(features: Mapping[str, float]) -> Regression:
    model = load_support_model()
    return model.with_baseline if "z_score" in features else model.without_baseline

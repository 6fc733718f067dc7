"""Support: how probable it is that words read out of a passage, or an excerpt of it, answer the question.

Nothing is shown of a passage whose excerpt has too little of it. Both are logistic regressions (`support.json`) over
what the model and the search say; `python -m benchmarks.support` fits and measures them.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from rag.answering.evidence import Snippet, cosine_z_score, evidence_z_score
from rag.answering.reader import Judgement, Reading
from retriever.models.protocols import QueryEncoder
from retriever.store.baseline import ScoreBaseline
from retriever.types import Query

Shown = Literal["words", "excerpt"]
"""What is shown as an answer."""
MAX_Z_SCORE = 4.0
"""A passage that stands further above ordinary ones says no more for its words. Only passages that the encoder was
trained on do so often; without the bound the others' would count too little (area of the words .857, with it .866)."""


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


@functools.cache
def load_regressions(shown: Shown) -> tuple[Regression, ...]:
    """Those that ship, the best first."""
    values = json.loads(files("rag.answering").joinpath("support.json").read_text(encoding="utf-8"))[shown]
    return tuple(Regression(**one) for one in values)


def regression_of(shown: Shown, features: Mapping[str, float]) -> Regression:
    """The first of those that take no other features than these."""
    return next(one for one in load_regressions(shown) if one.weights.keys() <= features.keys())


def words_features(query: Query, reading: Reading, encoder: QueryEncoder, baseline: ScoreBaseline) -> dict[str, float]:
    """What the support of words is computed from.

    `answers` as in `Judgement`; `logprob` is the mean log-probability of the words' tokens; `z_score` as in
    `Judgement`, at most MAX_Z_SCORE; `echo` is how near the words are to the question, as a z-score: a small model that
    finds no answer copies what was asked. The last two are missing if the library is too small to tell.
    """
    judgement = reading.judgement
    logprob = sum(reading.logprobs) / max(1, len(reading.logprobs))
    features = {"answers": judgement.answers, "logprob": logprob}
    cosine = float(encoder.encode_queries([reading.words])[0] @ query.vector)
    echo = cosine_z_score(cosine, query, reading.hit.passage.language, baseline)
    if judgement.z_score is None or echo is None:
        return features
    return features | {"z_score": min(MAX_Z_SCORE, judgement.z_score), "echo": echo}


def excerpt_features(query: Query, judgement: Judgement, excerpt: Snippet, baseline: ScoreBaseline) -> dict[str, float]:
    """What the support of an excerpt of a judged passage is computed from.

    `answers` as in `Judgement`; `z_score` is how far the excerpt's best sentence stands above ordinary passages,
    missing if the library is too small to tell; `pmi` is the root of the judgement's, missing if that has none.
    """
    features = {"answers": judgement.answers}
    if math.isfinite(z_score := evidence_z_score(query, [excerpt], baseline)):
        features["z_score"] = z_score
    if judgement.pmi is not None:
        features["pmi"] = math.sqrt(max(0.0, judgement.pmi))
    return features


def support(shown: Shown, features: Mapping[str, float]) -> float:
    """The probability that the words, or the excerpt, answer the question."""
    return regression_of(shown, features).probability(features)


def is_supported(shown: Shown, features: Mapping[str, float]) -> bool:
    """Whether they are probable enough to be shown."""
    return support(shown, features) >= regression_of(shown, features).min_support

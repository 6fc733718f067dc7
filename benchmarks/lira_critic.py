"""Is the generator at hand a critic of translations? LiRA's actor chooses by its ratings, so they are measured first.

Each question is shown with its human translation, with that translation spoilt, and with another question's. The area
under the curve says how often the human one is rated higher: .5 is chance.

    python -m benchmarks.lira_critic
"""

import argparse
import contextlib
import math
import random
from collections.abc import Sequence

import numpy as np
from scipy import stats

from benchmarks.lira_data import reported_queries
from benchmarks.report import data_folder, publish
from rag.build import build_engine
from rag.generation.engine import Engine
from rag.settings import load_settings
from retriever.alignment.methods.lira.candidates import add_noise
from retriever.models.lira import RATINGS

SEED = 1
SCALE = ("1", "2", "3", "4", "5")
SHARE = 0.3
MEANINGS = {
    "semantics": "the meaning: every fact, name and number",
    "emotion": "the tone and the feeling",
    "pragmatics": "what the speaker wants to know or to happen",
}
PROMPT = (
    "Text: {text}\nEnglish translation: {translation}\n\n"
    "How well does the translation keep {meaning}? 1 is not at all, 5 is wholly. Answer with one digit."
)


def main() -> None:
    """Rate three versions of each question and publish how well the ratings tell them apart."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=20, help="of each data set")
    count = parser.parse_args().questions
    rng = random.Random(SEED)
    table = []
    reported = reported_queries(data_folder("afriqa").parent, SEED)
    with contextlib.closing(build_engine(load_settings())) as engine:
        for name in ("AfriQA", "XQuAD"):
            queries = rng.sample(reported[name], count)
            vocabulary = sorted({word for query in reported[name] for word in query.english.split()})
            versions = {
                "human": [query.english for query in queries],
                f"{SHARE:.0%} spoilt": [add_noise(query.english, SHARE, vocabulary, rng) for query in queries],
                "another question's": [query.english for query in queries[1:] + queries[:1]],
            }
            for rating in RATINGS:
                scores = {
                    version: [
                        expected_rating(engine, query.text, text, MEANINGS[rating])
                        for query, text in zip(queries, texts, strict=True)
                    ]
                    for version, texts in versions.items()
                }
                human, *others = scores.values()
                table.append(
                    [name, rating, *(float(np.mean(s)) for s in scores.values()), *(auc(human, o) for o in others)]
                )
    columns = ["data", "rated", "human", "spoilt", "another's", "area, spoilt", "area, another's"]
    publish("lira-critic", "Mean rating from 0 to 1", columns, table, data="AfriQA, XQuAD", seeds=[SEED])


def expected_rating(engine: Engine, text: str, translation: str, meaning: str) -> float:
    """The mean of the digits by their probabilities, from 0 to 1."""
    content = PROMPT.format(text=text, translation=translation, meaning=meaning)
    logprobs = engine.choice_logprobs([{"role": "user", "content": content}], SCALE)
    weights = [math.exp(logprob) for logprob in logprobs]
    mean = sum(weight * place for place, weight in enumerate(weights)) / sum(weights)
    return mean / (len(SCALE) - 1)


def auc(better: Sequence[float], worse: Sequence[float]) -> float:
    """The share of pairs in which the better one is rated higher; ties count half."""
    wins = stats.mannwhitneyu(better, worse).statistic
    return float(wins) / (len(better) * len(worse))


if __name__ == "__main__":
    main()

"""What the generator's translation of the question adds to retrieval, and what it costs.

`python -m benchmarks.translation [--questions 40] [--seed 1]`

XQuAD, the 8 articles that the aligned encoder was not trained on, so many questions a language (the same ones), pool of
120 English passages; the embedded generator translates. Untrained encoder and aligned one, each dense, as the library
searches, and so with `translate_queries`. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import DATA, publish
from rag.engines import open_generator
from rag.library import open_encoder
from rag.settings import load_settings
from rag.translation import QueryTranslator
from retriever.alignment.data import split_articles
from retriever.alignment.default import default_plan
from retriever.datasets import ParallelSquad, read_squad
from retriever.evaluation import Dense, Evaluation, Product
from retriever.evaluation.tasks import squad_tasks


class Timed:
    """A Translate that notes how long it took and how often it gave something."""

    def __init__(self, translate: QueryTranslator) -> None:
        self._translate = translate
        self.seconds: list[float] = []
        self.given = 0

    def __call__(self, query: str, source: str, target: str) -> str | None:
        """See QueryTranslator."""
        began = time.perf_counter()
        translated = self._translate(query, source, target)
        self.seconds.append(time.perf_counter() - began)
        self.given += translated is not None
        return translated


def sample(squad: ParallelSquad, count: int, seed: int) -> ParallelSquad:
    """The same `count` questions in every language."""
    ids = sorted({question.id for question in squad.questions["en"]})
    chosen = set(random.Random(seed).sample(ids, min(count, len(ids))))
    return ParallelSquad(
        {lang: [q for q in rows if q.id in chosen] for lang, rows in squad.questions.items()}, squad.passages
    )


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not (DATA / "xquad").is_dir():
        sys.exit(f"XQuAD is not at {DATA / 'xquad'}; set ISTHMUS_DATA.")
    plan = default_plan(DATA, Path())
    split = split_articles(
        read_squad(DATA / "xquad"), test=plan.test_articles, dev=plan.dev_articles, seed=plan.recipe.seed
    )
    tasks = squad_tasks(sample(split.test, given.questions, given.seed), ("L-en",))
    settings = load_settings(generator="embedded")
    base, aligned = (open_encoder(settings.model_copy(update={"encoder": name})) for name in ("base", "aligned"))
    engine = open_generator(settings)
    with tempfile.TemporaryDirectory() as scratch:  # so that nothing translated before makes it look quick
        translate = Timed(QueryTranslator(lambda: engine, Path(scratch)))
        systems = [
            Dense(base, "dense, base"),
            Product(base, "isthmus, base"),
            Product(base, "translated, base", translate),
            Product(aligned, "isthmus, aligned"),
            Product(aligned, "translated, aligned", QueryTranslator(lambda: engine, Path(scratch))),
        ]
        evaluation = Evaluation(systems, tasks)
    engine.close()
    columns, rows = evaluation.table("L-en")
    cost = {
        "generator": engine.label,
        "translations": f"{translate.given} of {len(translate.seconds)}",
        "seconds, median": statistics.median(translate.seconds),
    }
    print(cost)
    publish("translation", columns, rows, {"data": "XQuAD", "seed": given.seed, **cost, **evaluation.as_dict()})


if __name__ == "__main__":
    main()

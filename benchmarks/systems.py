"""What several benchmarks compare: stages of search with the base encoder and the aligned one, on held-out articles."""

import random
import statistics
from pathlib import Path

from benchmarks.report import DATA
from rag.encoders import open_encoder
from rag.settings import Settings
from retriever.alignment.data import Split, split_articles
from retriever.alignment.default import default_plan
from retriever.datasets import ParallelSquad
from retriever.encoder import Encoder
from retriever.evaluation import Dense, Product, System


def base_and_aligned(settings: Settings) -> tuple[Encoder, Encoder]:
    """Both packaged encoders."""
    base, aligned = (open_encoder(settings.model_copy(update={"encoder": name})) for name in ("base", "aligned"))
    return base, aligned


def stages(encoder: Encoder, name: str) -> list[System]:
    """Dense search, with BM25 beside it, and re-ranked as a library does it."""
    return [
        Dense(encoder, f"dense, {name}"),
        Product(encoder, f"hybrid, {name}", rerank=None),
        Product(encoder, f"isthmus, {name}"),
    ]


def median_ms(system: System) -> str:
    """Milliseconds of a search by it, the median; empty for a system that is not timed."""
    return f"{1000 * statistics.median(system.seconds):.0f}" if isinstance(system, Product) else ""


def default_split(squad: ParallelSquad) -> Split:
    """XQuAD as the aligned encoder that ships was made: the articles it was trained on and those it never saw."""
    plan = default_plan(DATA, Path())
    return split_articles(squad, test=plan.test_articles, dev=plan.dev_articles, seed=plan.recipe.seed)


def sample(squad: ParallelSquad, count: int, seed: int) -> ParallelSquad:
    """The same `count` questions in every language."""
    ids = sorted({question.id for question in squad.questions["en"]})
    chosen = set(random.Random(seed).sample(ids, min(count, len(ids))))
    return ParallelSquad(
        {lang: [q for q in rows if q.id in chosen] for lang, rows in squad.questions.items()}, squad.passages
    )

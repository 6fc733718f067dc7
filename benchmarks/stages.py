"""What several benchmarks compare: stages of search with the base encoder and the aligned one, on held-out articles."""

import random
import statistics
from pathlib import Path

from benchmarks.report import DATA
from rag.build import build_encoder
from rag.settings import Settings
from retriever.alignment.data import Split, split_articles
from retriever.alignment.default import default_plan
from retriever.data.squad import ParallelSquad
from retriever.evaluation import DenseSearch, HybridSearch, System, no_reranker
from retriever.models.encoder import Encoder


def base_and_aligned(settings: Settings) -> tuple[Encoder, Encoder]:
    """Both packaged encoders."""
    base, aligned = (build_encoder(settings.model_copy(update={"encoder": name})) for name in ("base", "aligned"))
    return base, aligned


def stages(encoder: Encoder, name: str) -> list[System]:
    """DenseSearch search, with BM25 beside it, and re-ranked as a library does it."""
    return [
        DenseSearch(encoder, f"dense, {name}"),
        HybridSearch(encoder, f"hybrid, {name}", reranker=no_reranker, keep_tokens=False),
        HybridSearch(encoder, f"isthmus, {name}"),
    ]


def median_milliseconds(system: System) -> str:
    """Milliseconds of a search by it, the median; empty for a system that is not timed."""
    return f"{1000 * statistics.median(system.seconds):.0f}" if isinstance(system, HybridSearch) else ""


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

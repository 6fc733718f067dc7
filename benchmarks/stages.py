"""What several benchmarks compare: stages of search with the base encoder and the aligned one, on held-out articles."""

import random
import statistics
from collections.abc import Sequence
from pathlib import Path

from rag.build import build_encoder
from rag.settings import Settings
from retriever.alignment.data import Split, split_articles
from retriever.alignment.default import default_plan
from retriever.data.squad import ParallelSquad
from retriever.evaluation import DenseSearch, HybridSearch, System, no_reranker
from retriever.models.encoder import Encoder
from retriever.types import Rewrite


def base_and_aligned(settings: Settings) -> tuple[Encoder, Encoder]:
    """Both packaged encoders."""
    base, aligned = (build_encoder(settings.model_copy(update={"encoder": name})) for name in ("base", "aligned"))
    return base, aligned


def stages(encoder: Encoder, name: str) -> list[System]:
    """Dense search, with BM25 beside it, and re-ranked as a library does it."""
    return [
        DenseSearch(encoder, f"dense, {name}"),
        hybrid(encoder, f"hybrid, {name}"),
        HybridSearch(encoder, f"isthmus, {name}"),
    ]


def hybrid(encoder: Encoder, name: str, rewrites: Sequence[Rewrite] = ()) -> HybridSearch:
    """Dense search and BM25, not re-ranked."""
    return HybridSearch(encoder, name, rewrites=rewrites, reranker=no_reranker, keep_tokens=False)


def median_milliseconds(system: System) -> str:
    """Milliseconds of a search by it, the median; empty for a system that is not timed."""
    return f"{1000 * statistics.median(system.seconds):.0f}" if isinstance(system, HybridSearch) else ""


def default_split(squad: ParallelSquad) -> Split:
    """XQuAD's articles as the aligned encoder was made: those it was trained on and those it never saw."""
    plan = default_plan(Path(), Path())
    return split_articles(squad, test=plan.test_articles, dev=plan.dev_articles, seed=plan.recipe.seed)


def sample(squad: ParallelSquad, count: int, seed: int) -> ParallelSquad:
    """The same `count` questions in every language."""
    ids = sorted({question.id for question in squad.questions["en"]})
    sampled = set(random.Random(seed).sample(ids, min(count, len(ids))))
    questions = {
        language: [question for question in language_questions if question.id in sampled]
        for language, language_questions in squad.questions.items()
    }
    return ParallelSquad(questions, squad.passages)

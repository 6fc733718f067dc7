"""What the generator adds to search, and what it costs: translation, expansion, re-ranking.

`python -m benchmarks.generator_search [--questions 15] [--reranked 3] [--seed 1]`

XQuAD, the 8 articles that the aligned encoder was not trained on, so many questions a language (the same ones), pool of
120 English passages; the embedded generator. Each way beside what the library does without it, with the base encoder
and the aligned one; re-ranking by the generator on fewer questions, since each costs ten prompts. Without the data
(ISTHMUS_DATA) it says so and ends.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.report import DATA, publish
from benchmarks.stages import base_and_aligned, default_split, sample
from rag.build import build_engine
from rag.generation.reranking import GeneratorReranker
from rag.generation.rewriting import QueryRewriter, RewriteMode
from rag.settings import load_settings
from retriever.data.squad import read_squad
from retriever.evaluation import DenseSearch, Evaluation, HybridSearch, System
from retriever.evaluation.tasks import squad_tasks


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=15)
    parser.add_argument("--reranked", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not (DATA / "xquad").is_dir():
        sys.exit(f"XQuAD is not at {DATA / 'xquad'}; set ISTHMUS_DATA.")
    split = default_split(read_squad(DATA / "xquad"))
    settings = load_settings(generator="embedded")
    base, aligned = base_and_aligned(settings)
    engine = build_engine(settings)
    # A cache of its own, so that nothing rewritten before makes it look quick; what one system wrote another reads.
    with tempfile.TemporaryDirectory() as scratch:

        def rewritten(way: RewriteMode) -> list[QueryRewriter]:
            return [QueryRewriter(lambda: engine, Path(scratch), way, seconds=60)]

        systems: list[System] = [
            DenseSearch(base, "dense, base"),
            HybridSearch(aligned, "isthmus, aligned"),
            HybridSearch(aligned, "translated, aligned", rewritten("translate")),
            HybridSearch(aligned, "expanded, aligned", rewritten("expand")),
            HybridSearch(base, "isthmus, base"),
            HybridSearch(base, "translated, base", rewritten("translate")),
            HybridSearch(base, "hybrid, base", rerank=None),
            HybridSearch(base, "translated hybrid, base", rewritten("translate"), rerank=None),
        ]
        evaluation = Evaluation(systems, squad_tasks(sample(split.test, given.questions, given.seed), ("L-en",)))
        few: list[System] = [
            HybridSearch(aligned, "isthmus, aligned"),
            HybridSearch(aligned, "re-ranked by the generator", rerank=GeneratorReranker(lambda: engine)),
        ]
        reranked = Evaluation(few, squad_tasks(sample(split.test, given.reranked, given.seed), ("L-en",)))
    engine.close()
    seconds = {
        system.name: statistics.mean(system.seconds)
        for system in [*systems, few[1]]
        if isinstance(system, HybridSearch)
    }
    columns, rows = evaluation.table("L-en")
    table = [[*row, given.questions, seconds.get(str(row[0]), "")] for row in rows]
    table += [[*row, given.reranked, seconds.get(str(row[0]), "")] for row in reranked.table("L-en")[1]]
    record = {
        "data": "XQuAD, 8 held-out articles",
        "seed": given.seed,
        "generator": engine.label,
        **evaluation.as_dict(),
        "reranked": reranked.as_dict(),
    }
    publish("generator_search", [*columns, "questions", "s a query"], table, record)


if __name__ == "__main__":
    main()

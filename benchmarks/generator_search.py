"""What the generator adds to search, and what it costs: translation, expansion, re-ranking.

`python -m benchmarks.generator_search [--questions 15] [--reranked 3] [--seed 1]`

XQuAD, the 8 articles that the aligned encoder was not trained on, `--questions` a language (the same ones in each),
pool of 120 English passages; the embedded generator. Each system stands beside what the library does without the
generator, with the base encoder and the aligned one. Re-ranking by the generator is measured on fewer questions
(`--reranked`), since each costs ten prompts. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.report import data_folder, publish
from benchmarks.stages import base_and_aligned, default_split, hybrid, sample
from rag.build import build_engine
from rag.generation.reranking import GeneratorReranker
from rag.generation.rewriting import QueryRewriter, RewriteMode
from rag.settings import load_settings
from retriever.data.squad import read_squad
from retriever.evaluation import DenseSearch, Evaluation, HybridSearch, System
from retriever.evaluation.tasks import squad_tasks

CAPTION = (
    "The embedded 1.5B in search (the same articles, so many questions a language); p against the first line, of "
    "re-ranking against the line above it. What one line had translated costs the next nothing"
)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=15)
    parser.add_argument("--reranked", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    split = default_split(read_squad(data_folder("xquad")))
    settings = load_settings(generator="embedded")
    base, aligned = base_and_aligned(settings)
    engine = build_engine(settings)
    # In an empty cache nothing rewritten before makes a system look quick; what one system wrote another reads.
    with tempfile.TemporaryDirectory() as scratch:

        def rewrites(mode: RewriteMode) -> list[QueryRewriter]:
            return [QueryRewriter(lambda: engine, Path(scratch), mode, seconds=60)]

        systems: list[System] = [
            DenseSearch(base, "dense, base"),
            HybridSearch(aligned, "isthmus, aligned"),
            HybridSearch(aligned, "translated, aligned", rewrites=rewrites("translate")),
            HybridSearch(aligned, "expanded, aligned", rewrites=rewrites("expand")),
            HybridSearch(base, "isthmus, base"),
            HybridSearch(base, "translated, base", rewrites=rewrites("translate")),
            hybrid(base, "hybrid, base"),
            hybrid(base, "translated hybrid, base", rewrites("translate")),
        ]
        questions = sample(split.test, arguments.questions, arguments.seed)
        evaluation = Evaluation(systems, squad_tasks(questions, ("L-en",)))
        reranking_systems: list[System] = [
            HybridSearch(aligned, "isthmus, aligned"),
            HybridSearch(
                aligned,
                "re-ranked by the generator",
                reranker=lambda _: GeneratorReranker(lambda: engine),
                keep_tokens=False,
            ),
        ]
        questions = sample(split.test, arguments.reranked, arguments.seed)
        reranking = Evaluation(reranking_systems, squad_tasks(questions, ("L-en",)))
    engine.close()
    seconds = {
        system.name: statistics.mean(system.seconds)
        for system in [*systems, reranking_systems[1]]
        if isinstance(system, HybridSearch)
    }
    columns, rows = evaluation.table("L-en")
    table = [[*row, arguments.questions, seconds.get(str(row[0]), "")] for row in rows]
    table += [[*row, arguments.reranked, seconds.get(str(row[0]), "")] for row in reranking.table("L-en")[1]]
    publish(
        "generator_search",
        CAPTION,
        [*columns, "questions", "s a query"],
        table,
        data="XQuAD, 8 held-out articles",
        seeds=[arguments.seed],
        encoders=[base, aligned],
        details={"generator": engine.label},
    )


if __name__ == "__main__":
    main()

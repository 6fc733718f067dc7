"""Romanised, code-switched queries: what each stage of search does for Hinglish.

`python -m benchmarks.hinglish [--translated 60]`

Hinglish-TOP: the English queries of the training part are the knowledge base; the first that a Hinglish query of the
validation part finds must have its label. Then, on `--translated` queries, what the embedded generator's translation
adds. The aligned encoder has seen pairs of the training part. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import data_folder, publish
from benchmarks.stages import base_and_aligned, median_milliseconds, stages
from rag.build import build_engine
from rag.generation.rewriting import QueryRewriter
from rag.settings import load_settings
from retriever.data.labelled import read_labelled
from retriever.evaluation import Evaluation, HybridSearch, System
from retriever.evaluation.metrics import Comparison, compare
from retriever.evaluation.tasks import labelled_tasks

CAPTION = (
    "Hinglish queries against English ones of a knowledge base: the first, or one of three, has the right label; the "
    "last two lines on fewer queries"
)
COLUMNS = (
    "system",
    "queries",
    "Hinglish top-1",
    "top-3",
    "MRR@10",
    "English top-1",
    "to the first",
    "p",
    "ms a query",
)


def table_rows(evaluation: Evaluation, systems: Sequence[System], queries: int) -> list[list[object]]:
    """A row a system."""
    rows = []
    for system in systems:
        hinglish = [
            evaluation.mean(system.name, "L-label", "hi-Latn", measure)
            for measure in ("success@1", "success@3", "MRR@10")
        ]
        english: object = ""
        if "en-label" in evaluation.directions:
            english = evaluation.mean(system.name, "en-label", "en", "success@1")
        comparison: list[object] = ["", ""]
        if system is not systems[0]:
            against = compare_top1(evaluation, system, systems[0])
            comparison = [f"{against.difference:+.3f}", against.p]
        rows.append([system.name, queries, *hinglish, english, *comparison, median_milliseconds(system)])
    return rows


def compare_top1(evaluation: Evaluation, system: System, other: System) -> Comparison:
    """Two systems' top-1 on the Hinglish queries."""
    values, other_values = (
        list(evaluation.values[name, "L-label", "hi-Latn"]["success@1"].values()) for name in (system.name, other.name)
    )
    return compare(values, other_values)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--translated", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = data_folder("hinglish_top")
    settings = load_settings(generator="embedded")
    base, aligned = base_and_aligned(settings)
    index, queries = read_labelled(folder / "train.tsv"), read_labelled(folder / "validation.tsv")
    systems = [*stages(base, "base"), *stages(aligned, "aligned")]
    rows = table_rows(Evaluation(systems, labelled_tasks(index, queries)), systems, len(queries))
    engine = build_engine(settings)
    with tempfile.TemporaryDirectory() as scratch:
        rewriter = QueryRewriter(lambda: engine, Path(scratch), "translate", seconds=60)
        translating: list[System] = [
            HybridSearch(aligned, "isthmus, aligned"),
            HybridSearch(aligned, "translated, aligned", rewrites=[rewriter]),
        ]
        sample = random.Random(arguments.seed).sample(queries, min(arguments.translated, len(queries)))
        tasks = [task for task in labelled_tasks(index, sample) if task.direction == "L-label"]
        rows += table_rows(Evaluation(translating, tasks), translating, len(sample))
    engine.close()
    publish(
        "hinglish",
        CAPTION,
        COLUMNS,
        rows,
        data="Hinglish-TOP",
        seeds=[arguments.seed],
        encoders=[base, aligned],
        details={"generator": engine.label},
    )


if __name__ == "__main__":
    main()

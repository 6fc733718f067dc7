"""Romanised, code-switched queries: what each stage of search does for Hinglish.

`python -m benchmarks.hinglish [--translated 60]`

Hinglish-TOP: the English queries of the training part are the knowledge base, a Hinglish query of the validation part
must find first one with its label. Then, on fewer queries, what the embedded generator's translation adds. The aligned
encoder has seen pairs of the training part. Without it (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from benchmarks.report import DATA, publish
from benchmarks.stages import base_and_aligned, median_milliseconds, stages
from rag.build import build_engine
from rag.generation.rewriting import QueryRewriter
from rag.settings import load_settings
from retriever.data.labelled import read_labelled
from retriever.evaluation import Evaluation, HybridSearch, System
from retriever.evaluation.metrics import compare
from retriever.evaluation.tasks import labelled_tasks

SHOWN = ("success@1", "success@3")


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--translated", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = DATA / "hinglish_top"
    if not folder.is_dir():
        sys.exit(f"Hinglish-TOP is not at {folder}; set ISTHMUS_DATA.")
    settings = load_settings(generator="embedded")
    base, aligned = base_and_aligned(settings)
    index, queries = read_labelled(folder / "train.tsv"), read_labelled(folder / "validation.tsv")
    systems: list[System] = [
        *stages(base, "base"),
        *stages(aligned, "aligned"),
    ]
    everything = Evaluation(systems, labelled_tasks(index, queries))
    rows = lines(everything, systems, len(queries))
    engine = build_engine(settings)
    with tempfile.TemporaryDirectory() as scratch:
        rewriter = QueryRewriter(lambda: engine, Path(scratch), "translate", seconds=60)
        few: list[System] = [
            HybridSearch(aligned, "isthmus, aligned"),
            HybridSearch(aligned, "translated, aligned", [rewriter]),
        ]
        some = random.Random(given.seed).sample(queries, min(given.translated, len(queries)))
        fewer = Evaluation(few, [t for t in labelled_tasks(index, some) if t.direction == "L-label"])
    engine.close()
    rows += lines(fewer, few, len(some))
    record = {"data": "Hinglish-TOP", "seed": given.seed, **everything.as_dict(), "translated": fewer.as_dict()}
    columns = [
        "system",
        "queries",
        "Hinglish top-1",
        "top-3",
        "MRR@10",
        "English top-1",
        "to the first",
        "p",
        "ms a query",
    ]
    publish("hinglish", columns, rows, record)


def lines(evaluation: Evaluation, systems: list[System], queries: int) -> list[list[object]]:
    """A line a system."""
    rows = []
    for system in systems:
        measured = [evaluation.mean(system.name, "L-label", "hi-Latn", name) for name in (*SHOWN, "MRR@10")]
        english = (
            evaluation.mean(system.name, "en-label", "en", SHOWN[0]) if "en-label" in evaluation.directions else ""
        )
        against: list[object] = ["", ""]
        if system is not systems[0]:
            ours, first = (
                list(evaluation.values[one.name, "L-label", "hi-Latn"][SHOWN[0]].values())
                for one in (system, systems[0])
            )
            compared = compare(ours, first)
            against = [f"{compared.difference:+.3f}", compared.p]
        rows.append([system.name, queries, *measured, english, *against, median_milliseconds(system)])
    return rows


if __name__ == "__main__":
    main()

"""Methods of alignment against each other, on articles and queries that none of them saw.

`python -m benchmarks.alignment [--part kb|squad] [--steps N] [--seeds 1]`

`kb`: Hinglish-TOP. The knowledge base is the English queries of its training file, the test its Hinglish validation
queries; negatives mixed (Algorithm 1), random only, hard only, hardest only, at equal steps; Top-3 accuracy and MRR.
`squad`: XQuAD. MNRL, CLEAR, distillation, and these two together, at equal steps and rows, 8 articles held out; R@1
from each language to the 120 English passages. Each method is compared with the encoder before and, paired, with the
others.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.report import DATA, publish
from rag.library import open_encoder
from rag.settings import load_settings
from retriever.alignment.run import Method, Plan, align, read_material, report_tasks
from retriever.alignment.train import Recipe
from retriever.alignment.weighted import Sampling
from retriever.encoder import Encoder
from retriever.evaluation import Dense, Evaluation
from retriever.evaluation.metrics import compare

SAMPLINGS = ("mixed", "random", "hard", "hardest")
METHODS = ("mnrl", "clear", "distill", "clear-distill")


def trained(plan: Plan, base: Encoder, name: str) -> Dense:
    """Train by the plan; the encoder it made."""
    align(plan, base)
    return Dense(Encoder(str(plan.out), cache=base.cache, device=base.device, backend="torch"), name)


def knowledge_base(base: Encoder, steps: int, seed: int, scratch: Path) -> tuple[list[str], list[list[object]], Any]:
    """Part `kb`."""
    recipe = Recipe(steps=steps, batch=32, learning_rate=3e-5, max_tokens=48, check_every=steps, seed=seed)
    plans = {
        sampling: Plan(
            "weighted", (DATA / "hinglish_top",), scratch / sampling, recipe, sampling=cast(Sampling, sampling)
        )
        for sampling in SAMPLINGS
    }
    systems = [Dense(base, "before"), *(trained(plan, base, name) for name, plan in plans.items())]
    evaluation = Evaluation(systems, report_tasks(read_material(plans["mixed"])))

    def values(system: str, direction: str, measure: str) -> list[float]:
        return next(iter(evaluation.by_language(system, direction, measure).values()))

    rows: list[list[object]] = []
    for system in evaluation.systems:
        line: list[object] = [system]
        for direction in ("L-label", "en-label"):
            line += [float(np.mean(values(system, direction, m))) for m in ("success@3", "MRR@10")]
        line.append(compare(values(system, "L-label", "MRR@10"), values("random", "L-label", "MRR@10")).p)
        rows.append(line)
    columns = ["negatives", "Hinglish Top-3", "Hinglish MRR", "English Top-3", "English MRR", "p against random (MRR)"]
    return columns, rows, evaluation.as_dict()


def squad(base: Encoder, steps: int, seed: int, scratch: Path) -> tuple[list[str], list[list[object]], Any]:
    """Part `squad`."""
    recipe = Recipe(
        steps=steps, batch=16, learning_rate=2e-5, max_tokens=128, check_every=steps, english_tolerance=1.0, seed=seed
    )
    plans = {
        method: Plan(cast(Method, method), (DATA / "xquad",), scratch / method, recipe, dev_articles=0)
        for method in METHODS
    }
    systems = [Dense(base, "before"), *(trained(plan, base, name) for name, plan in plans.items())]
    evaluation = Evaluation(systems, report_tasks(read_material(plans["clear"])))
    columns, rows = evaluation.table("L-en")

    def together(system: str) -> list[float]:
        return [value for values in evaluation.by_language(system, "L-en").values() for value in values]

    columns = [*columns, "p against mnrl"]
    rows = [[*row, compare(together(str(row[0])), together("mnrl")).p] for row in rows]
    return columns, rows, evaluation.as_dict()


def main() -> None:
    """Read the command line, train, publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=["kb", "squad"], required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    needed = DATA / ("hinglish_top" if given.part == "kb" else "xquad")
    if not needed.is_dir():
        sys.exit(f"The data is not at {needed}; set ISTHMUS_DATA.")
    base = open_encoder(load_settings(encoder="base", backend="torch"))
    with tempfile.TemporaryDirectory() as scratch:
        part = knowledge_base if given.part == "kb" else squad
        columns, rows, record = part(base, given.steps, given.seed, Path(scratch))
    about = {"data": needed.name, "steps": given.steps, "seed": given.seed}
    publish(f"alignment-{given.part}", columns, rows, {**about, **record})


if __name__ == "__main__":
    main()

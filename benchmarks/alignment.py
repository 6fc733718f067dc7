"""Methods of alignment against each other, on articles and queries that none of them saw.

`python -m benchmarks.alignment [--part kb|kb-alone|squad|late|ablation|keeping|curve] [--profile quick|full]`

`kb`: Hinglish-TOP. The knowledge base is the English queries of its training file, the test its Hinglish validation
queries; negatives mixed (Algorithm 1), random only, hard only, hardest only, at equal steps; Top-3 accuracy and MRR.
`kb-alone`: the same, with a row's own negatives alone, as in the paper, without those of the batch's other rows.
`squad`: XQuAD. MNRL, CLEAR, distillation, and these two together, at equal steps and rows, 8 articles held out, and
two of them trained without Arabic; R@1 from each language to the 120 English passages, paired with the encoder before
and with MNRL. `late`: late distillation, with and without Arabic, and distillation, of queries alone and of all, as the
product ranks: re-ranked by token vectors. `ablation`: CLEAR without its terms. `keeping`: what keeps English: weights
between the base's and the tuned ones, low-rank adapters, queries alone. `curve`: CLEAR and distillation by the number
of articles. In all of these English queries are embedded by the tuned weights too, which the product leaves to the
base. Without `--part` all of them, each published as it is done; what two of them need is trained once. `quick` is for
two cores, an hour for all; `full` for a GPU: the paper's batches, negatives and lengths. `--seed` draws the articles,
the rows and their order. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import functools
import hashlib
import itertools
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.report import DATA, RESULTS, publish
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.alignment.methods.weighted import Sampling
from retriever.alignment.plan import Method, Plan, read_material
from retriever.alignment.run import FACTORS, report_tasks, tune
from retriever.alignment.train import Recipe, interpolate, save_model
from retriever.data.squad import read_squad
from retriever.evaluation import DenseSearch, Evaluation, HybridSearch, System
from retriever.evaluation.metrics import compare
from retriever.models.backends import load_model
from retriever.models.encoder import BASE_FILE, Encoder

PARTS = ("kb", "kb-alone", "squad", "late", "ablation", "keeping", "curve")
SAMPLINGS = ("mixed", "random", "hard", "hardest")
QUICK = Recipe(steps=30, batch=16, learning_rate=3e-5, max_tokens=128, check_every=30)
FULL = Recipe(steps=50, batch=256, mini_batch=32, learning_rate=5e-5, max_tokens=512, check_every=50)
METHODS: tuple[Method, ...] = ("mnrl", "clear", "distill", "clear-distill")
UNSEEN = "ar"
"""A language that is measured and, in two rows, was not trained on."""
ARTICLES = (2, 5, 16)
"""The last is all that there are, as the other parts train on."""
BETWEEN: tuple[Method, ...] = ("mnrl", "distill")
"""Methods whose weights are mixed with the base's, step by step."""
ADAPTER_RANK, ADAPTER_RATE = 16, 5e-4


def trained(plan: Plan, base: Encoder) -> Encoder:
    """Train by the plan, unless another part has; the encoder it made, for English queries too.

    Methods are compared, not what keeps English. The folder is named after the plan, below its `out`.
    """
    folder = plan.out / hashlib.sha256(repr(plan).encode()).hexdigest()[:12]
    if not folder.exists():
        tune(replace(plan, out=folder), read_material(plan), base)
        (folder / BASE_FILE).unlink(missing_ok=True)
    return opened(folder, base)


@functools.lru_cache(maxsize=8)
def opened(folder: Path, base: Encoder) -> Encoder:
    """The encoder of a folder; the last few stay open with the vectors they made, for the parts that share them."""
    return Encoder(str(folder), cache=folder.parent, device=base.device)


def knowledge_base(
    part: str, base: Encoder, full: bool, seed: int, scratch: Path
) -> tuple[list[str], list[list[object]], Any]:
    """Parts `kb` and `kb-alone`."""
    steps, batch, rate = (1000, 128, 5e-5) if full else (100, 16, 1e-4)
    recipe = Recipe(steps=steps, batch=batch, learning_rate=rate, max_tokens=48, check_every=steps, seed=seed)
    plain = Plan("weighted", (DATA / "hinglish_top",), scratch, recipe, in_batch=part == "kb")
    plans = {sampling: replace(plain, sampling=cast(Sampling, sampling)) for sampling in SAMPLINGS}
    systems = [DenseSearch(base, "before"), *(DenseSearch(trained(plan, base), name) for name, plan in plans.items())]
    evaluation = Evaluation(systems, report_tasks(read_material(plans["mixed"]), ()))

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


def plans_of(part: str, full: bool, seed: int, scratch: Path) -> dict[str, Plan]:
    """What a part on XQuAD trains, by name: equal steps and rows, no guard and no interpolation."""
    recipe = replace(FULL if full else QUICK, seed=seed)

    def plan(name: str, method: Method, **changes: Any) -> tuple[str, Plan]:
        plain = Plan(method, (DATA / "xquad",), scratch, recipe, negatives=5 if full else 1, dev_articles=0)
        return name, replace(plain, **changes)

    without = tuple(language for language in read_squad(DATA / "xquad").questions if language != UNSEEN)
    match part:
        case "squad":
            made = [plan(method, method) for method in METHODS]
            made += [plan(f"{method}, no {UNSEEN}", method, languages=without) for method in ("clear", "distill")]
        case "late":
            recipe = replace(recipe, mini_batch=None)
            made = [plan("late", "late"), plan(f"late, no {UNSEEN}", "late", languages=without)]
            made += [plan("distill, queries alone", "distill", query_side=True), plan("distill", "distill")]
        case "ablation":
            made = [plan("clear", "clear"), plan("clear, no reverse", "clear", alpha=0.0)]
            made += [
                plan("clear, no divergence", "clear", beta=0.0),
                plan("forward alone", "clear", alpha=0.0, beta=0.0),
            ]
        case "keeping":
            made = [plan(method, method) for method in BETWEEN]
            made += [plan("distill, queries alone", "distill", query_side=True)]
            low_rank = replace(recipe, learning_rate=ADAPTER_RATE)
            made += [plan("distill, adapters", "distill", adapters=ADAPTER_RANK, recipe=low_rank)]
        case _:
            some = {n: n if n != ARTICLES[-1] else None for n in ARTICLES}
            made = [plan(f"{m}, {n} articles", m, train_articles=some[n]) for m in ("clear", "distill") for n in some]
    return dict(made)


def squad(part: str, base: Encoder, full: bool, seed: int, scratch: Path) -> tuple[list[str], list[list[object]], Any]:
    """All other parts; every row is compared with the first method's."""
    plans = plans_of(part, full, seed, scratch)
    first = next(iter(plans))
    tuned = {name: trained(plan, base) for name, plan in plans.items()}
    measured = HybridSearch if part == "late" else DenseSearch
    systems: list[System] = [measured(encoder, name) for name, encoder in ({"before": base} | tuned).items()]
    if part == "keeping":
        for name, factor in itertools.product(BETWEEN, FACTORS[1:-1]):
            systems.append(DenseSearch(between(base, tuned[name], factor, scratch), f"{name}, factor {factor:g}"))
    tasks = report_tasks(read_material(plans[first]), ("L-en",))
    evaluation = Evaluation(systems, tasks)
    columns, rows = evaluation.table("L-en")

    def together(system: str) -> list[float]:
        return [value for values in evaluation.by_language(system, "L-en").values() for value in values]

    def english(system: str) -> list[float]:
        return evaluation.by_language(system, "L-en")["en"]

    columns = [*columns, f"p against {first}", "p in English"]
    for name, row in zip(evaluation.systems, rows, strict=True):
        row += [compare(values(name), values(first)).p for values in (together, english)]
    means = {system: float(np.mean(together(system))) for system in evaluation.systems}
    if part == "curve":
        learning = {
            method: [(0, means["before"]), *((n, means[f"{method}, {n} articles"]) for n in ARTICLES)]
            for method in ("clear", "distill")
        }
        plot(learning, "articles trained on", "mean R@1, eight languages", "learning curves", part)
    if part == "keeping":
        at = {system: (mean, float(np.mean(english(system)))) for system, mean in means.items()}
        steps = [f"factor {factor:g}" for factor in FACTORS[1:-1]]
        paths = {m: [at["before"], *(at[f"{m}, {step}"] for step in steps), at[m]] for m in BETWEEN}
        alone = {name: [at[name]] for name in plans if name not in BETWEEN}
        plot(paths | alone, "mean R@1, eight languages", "English R@1", "from the base to the tuned weights", part)
    return columns, rows, evaluation.as_dict()


def between(base: Encoder, tuned: Encoder, factor: float, scratch: Path) -> Encoder:
    """The encoder that far on the way from the base's weights to the tuned ones."""
    model = load_model(base.folder, base.device)
    model.load_state_dict(interpolate(model.state_dict(), tuned.model.state_dict(), factor))
    folder = scratch / f"{Path(tuned.folder).name}-{factor:g}"
    save_model(model, base, folder)
    return opened(folder, base)


def plot(curves: dict[str, list[tuple[float, float]]], x: str, y: str, title: str, name: str) -> None:
    """A line for each curve; one of a single point is a mark."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for label, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set(xlabel=x, ylabel=y, title=title)
    axes.legend(fontsize="small")
    figure.savefig(RESULTS / f"alignment-{name}.png", dpi=110)


def main() -> None:
    """Read the command line, train, publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--profile", choices=["quick", "full"], default="quick")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    parts = [given.part] if given.part else PARTS
    needed = {part: DATA / ("hinglish_top" if part.startswith("kb") else "xquad") for part in parts}
    for folder in needed.values():
        if not folder.is_dir():
            sys.exit(f"The data is not at {folder}; set ISTHMUS_DATA.")
    base = build_encoder(load_settings(encoder="base"))
    full = given.profile == "full"
    with tempfile.TemporaryDirectory() as scratch:
        for part in parts:
            measure = knowledge_base if part.startswith("kb") else squad
            columns, rows, record = measure(part, base, full, given.seed, Path(scratch))
            about = {"data": needed[part].name, "profile": given.profile, "seed": given.seed}
            publish(f"alignment-{part}", columns, rows, {**about, **record})


if __name__ == "__main__":
    main()

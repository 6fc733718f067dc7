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
two cores; `full` for a GPU: the paper's steps and negatives. Passages are whole. No text recurs in a batch of CLEAR or
MNRL, so their batches hold fewer rows than the others' where articles are few. `--seed` draws the articles, the rows
and their order. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import functools
import hashlib
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
from matplotlib.figure import Figure

from benchmarks.report import RESULTS, data_folder, publish
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.alignment.folder import save_model
from retriever.alignment.methods.anchoring import Anchoring
from retriever.alignment.methods.clear import NEGATIVES, WHOLE_PASSAGE, Clear, ClearDistill
from retriever.alignment.methods.late_distillation import LateDistillation
from retriever.alignment.methods.mnrl import MNRL
from retriever.alignment.methods.protocol import TrainedMethod
from retriever.alignment.methods.weighted import Sampling, Weighted
from retriever.alignment.plan import Plan, read_material
from retriever.alignment.recipe import Recipe
from retriever.alignment.run import FACTORS, report_tasks, tune
from retriever.alignment.train import interpolate
from retriever.data.squad import read_squad
from retriever.evaluation import DenseSearch, Evaluation, HybridSearch, System
from retriever.evaluation.metrics import compare
from retriever.models.backends import load_model
from retriever.models.encoder import BASE_FILE, Encoder

CAPTIONS = {
    "kb": "Negatives for a labelled knowledge base, Hinglish-TOP, with those of the batch’s other rows",
    "kb-alone": "The same with a row’s own negatives alone, as in the paper",
    "squad": (
        "Methods of alignment at equal steps, XQuAD, 8 articles held out; English queries by the tuned weights too"
    ),
    "late": "Late distillation, as the product ranks: re-ranked by token vectors, XQuAD, 8 articles held out",
    "ablation": "CLEAR without its terms",
    "keeping": (
        "What keeps English: weights between the base’s (0) and the tuned ones (1), adapters of rank 16, queries alone"
    ),
    "curve": "By the number of articles trained on",
}
"""The parts, and what their tables show."""
QUICK = Recipe(steps=30, batch=16, learning_rate=3e-5, max_tokens=WHOLE_PASSAGE, check_every=30)
FULL = Recipe(steps=50, batch=256, mini_batch=32, learning_rate=5e-5, max_tokens=WHOLE_PASSAGE, check_every=50)
QUICK_NEGATIVES = 3
"""Hard negatives a row of CLEAR and MNRL; with the paper's five, sixteen articles have texts for eight rows a batch."""
UNSEEN = "ar"
"""A language that is measured and, in two rows, was not trained on."""
ARTICLES = (2, 5, 16)
"""Articles to train on; the last is all that there are, as the other parts train on."""
BETWEEN = ("mnrl", "distill")
"""Methods whose weights are mixed with the base's, step by step."""
ADAPTER_RANK, ADAPTER_RATE = 16, 5e-4
Table = tuple[list[str], list[list[object]]]
"""Columns and rows."""


def trained_encoder(plan: Plan, base: Encoder) -> Encoder:
    """The encoder that the plan trains, of English queries too; trained once if several parts need it.

    Methods are compared, not what keeps English. The folder is named after the plan, below its `out`.
    """
    folder = plan.out / hashlib.sha256(repr(plan).encode()).hexdigest()[:12]
    if not folder.exists():
        tune(replace(plan, out=folder), read_material(plan), base)
        (folder / BASE_FILE).unlink(missing_ok=True)
    return open_encoder(folder, base)


@functools.lru_cache(maxsize=8)
def open_encoder(folder: Path, base: Encoder) -> Encoder:
    """The encoder of a folder; the last few stay open with the vectors they made, for the parts that share them."""
    return Encoder(str(folder), cache=folder.parent, device=base.device)


def knowledge_base(part: str, base: Encoder, full: bool, seed: int, scratch: Path) -> Table:
    """Parts `kb` and `kb-alone`."""
    steps, batch, rate = (1000, 128, 5e-5) if full else (100, 16, 1e-4)
    recipe = Recipe(steps=steps, batch=batch, learning_rate=rate, max_tokens=48, check_every=steps, seed=seed)
    samplings: tuple[Sampling, ...] = get_args(Sampling)
    data = (data_folder("hinglish_top"),)
    plans = {
        sampling: Plan(Weighted(sampling=sampling, in_batch=part == "kb"), data, scratch, recipe)
        for sampling in samplings
    }
    systems = [
        DenseSearch(base, "before"),
        *(DenseSearch(trained_encoder(plan, base), sampling) for sampling, plan in plans.items()),
    ]
    evaluation = Evaluation(systems, report_tasks(read_material(plans["mixed"]), ()))

    def values(system: str, direction: str, measure: str) -> list[float]:
        return next(iter(evaluation.by_language(system, direction, measure).values()))

    rows: list[list[object]] = []
    for system in evaluation.systems:
        row: list[object] = [system]
        for direction in ("L-label", "en-label"):
            row += [float(np.mean(values(system, direction, measure))) for measure in ("success@3", "MRR@10")]
        against = compare(values(system, "L-label", "MRR@10"), values("random", "L-label", "MRR@10"))
        row.append("" if system == "random" else against.p)
        rows.append(row)
    columns = ["negatives", "Hinglish Top-3", "Hinglish MRR", "English Top-3", "English MRR", "p against random (MRR)"]
    return columns, rows


def plans_of(part: str, full: bool, seed: int, scratch: Path) -> dict[str, Plan]:
    """What a part on XQuAD trains, by name: equal steps and rows, no guard and no interpolation."""
    folder = data_folder("xquad")
    negatives = NEGATIVES if full else QUICK_NEGATIVES
    recipe = replace(FULL if full else QUICK, seed=seed)
    if part == "late":
        recipe = replace(recipe, mini_batch=None)
    distill = Anchoring()
    clear = Clear(negatives=negatives)

    def plan(method: TrainedMethod) -> Plan:
        return Plan(method, (folder,), scratch, recipe, dev_articles=0)

    def unseen_plan(method: TrainedMethod) -> Plan:
        languages = tuple(language for language in read_squad(folder).questions if language != UNSEEN)
        return replace(plan(method), languages=languages)

    queries_alone = {"distill, queries alone": plan(Anchoring(query_side=True))}
    match part:
        case "squad":
            methods = (MNRL(negatives=negatives), clear, distill, ClearDistill(negatives=negatives))
            plans = {method.name: plan(method) for method in methods}
            return plans | {f"{method.name}, no {UNSEEN}": unseen_plan(method) for method in (clear, distill)}
        case "late":
            late = LateDistillation()
            plans = {"late": plan(late), f"late, no {UNSEEN}": unseen_plan(late)}
            return plans | queries_alone | {"distill": plan(distill)}
        case "ablation":
            return {
                "clear": plan(clear),
                "clear, no reverse": plan(replace(clear, alpha=0.0)),
                "clear, no divergence": plan(replace(clear, beta=0.0)),
                "forward alone": plan(replace(clear, alpha=0.0, beta=0.0)),
            }
        case "keeping":
            plans = {"mnrl": plan(MNRL(negatives=negatives)), "distill": plan(distill)} | queries_alone
            low_rank = replace(recipe, learning_rate=ADAPTER_RATE)
            adapters = replace(plan(distill), adapters=ADAPTER_RANK, recipe=low_rank)
            return plans | {"distill, adapters": adapters}
        case _:
            limits = {count: count if count != ARTICLES[-1] else None for count in ARTICLES}
            return {
                f"{method.name}, {count} articles": replace(plan(method), train_articles=limit)
                for method in (clear, distill)
                for count, limit in limits.items()
            }


def squad(part: str, base: Encoder, full: bool, seed: int, scratch: Path) -> Table:
    """All other parts; every row is compared with the first method's."""
    plans = plans_of(part, full, seed, scratch)
    first = next(iter(plans))
    tuned = {name: trained_encoder(plan, base) for name, plan in plans.items()}
    search = HybridSearch if part == "late" else DenseSearch
    systems: list[System] = [search(encoder, name) for name, encoder in ({"before": base} | tuned).items()]
    if part == "keeping":
        for name, factor in itertools.product(BETWEEN, FACTORS[1:-1]):
            encoder = interpolated_encoder(base, tuned[name], factor, scratch)
            systems.append(DenseSearch(encoder, f"{name}, factor {factor:g}"))
    evaluation = Evaluation(systems, report_tasks(read_material(plans[first]), ("L-en",)))
    columns, rows = evaluation.table("L-en")

    def all_languages(system: str) -> list[float]:
        return [value for values in evaluation.by_language(system, "L-en").values() for value in values]

    def english(system: str) -> list[float]:
        return evaluation.by_language(system, "L-en")["en"]

    columns = [*columns, f"p against {first}", "p in English"]
    for name, row in zip(evaluation.systems, rows, strict=True):
        comparisons = [evaluation.compare(name, first, "L-en", language) for language in (None, "en")]
        row += ["" if name == first else comparison.p for comparison in comparisons]
    means = {system: float(np.mean(all_languages(system))) for system in evaluation.systems}
    if part == "curve":
        plot_learning(means)
    if part == "keeping":
        plot_keeping({system: (mean, float(np.mean(english(system)))) for system, mean in means.items()}, list(plans))
    return columns, rows


def interpolated_encoder(base: Encoder, tuned: Encoder, factor: float, scratch: Path) -> Encoder:
    """The encoder that far on the way from the base's weights to the tuned ones."""
    model = load_model(base.folder, base.device)
    model.load_state_dict(interpolate(model.state_dict(), tuned.model.state_dict(), factor))
    folder = scratch / f"{Path(tuned.folder).name}-{factor:g}"
    save_model(model, base, folder)
    return open_encoder(folder, base)


Points = Sequence[tuple[float, float]]


def plot_learning(means: Mapping[str, float]) -> None:
    """Mean R@1 by the number of articles."""
    curves = {
        method: [(0, means["before"]), *((count, means[f"{method}, {count} articles"]) for count in ARTICLES)]
        for method in ("clear", "distill")
    }
    plot(curves, "articles trained on", "mean R@1, eight languages", "learning curves", "curve")


def plot_keeping(figures: Mapping[str, tuple[float, float]], plans: Sequence[str]) -> None:
    """R@1 in English by mean R@1: a path from the base to the tuned weights, or a point for what has no steps."""
    steps = [f"factor {factor:g}" for factor in FACTORS[1:-1]]
    paths = {
        method: [figures["before"], *(figures[f"{method}, {step}"] for step in steps), figures[method]]
        for method in BETWEEN
    }
    points = {name: [figures[name]] for name in plans if name not in BETWEEN}
    title = "from the base to the tuned weights"
    plot(paths | points, "mean R@1, eight languages", "English R@1", title, "keeping")


def plot(curves: Mapping[str, Points], x: str, y: str, title: str, name: str) -> None:
    """A line for each curve, or a mark for a single point, in results/alignment-NAME.png."""
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
    parser.add_argument("--part", choices=list(CAPTIONS))
    parser.add_argument("--profile", choices=["quick", "full"], default="quick")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    parts = [arguments.part] if arguments.part else list(CAPTIONS)
    data = {part: data_folder("hinglish_top" if part.startswith("kb") else "xquad").name for part in parts}
    base = build_encoder(load_settings(encoder="base"))
    full = arguments.profile == "full"
    with tempfile.TemporaryDirectory() as scratch:
        for part in parts:
            measure = knowledge_base if part.startswith("kb") else squad
            columns, rows = measure(part, base, full, arguments.seed, Path(scratch))
            publish(
                f"alignment-{part}",
                CAPTIONS[part],
                columns,
                rows,
                data=data[part],
                seeds=[arguments.seed],
                encoders=[base],
                details={"profile": arguments.profile},
            )


if __name__ == "__main__":
    main()

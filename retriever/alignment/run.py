"""`isthmus align`: read the data, train by a method, keep English, report, and write a model folder."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.modules import Router

from retriever.alignment.adapters import add_adapters, merged
from retriever.alignment.data import ParallelText
from retriever.alignment.guard import EnglishGuard, embed_texts, embed_tokens
from retriever.alignment.method import rows_and_loss
from retriever.alignment.plan import Material, Plan, read_material
from retriever.alignment.train import claim_folder, interpolate, save_model, train
from retriever.errors import DataError
from retriever.evaluation.html import format_cell
from retriever.evaluation.report import Evaluation
from retriever.evaluation.systems import DenseSearch, HybridSearch, System
from retriever.evaluation.tasks import Task, labelled_tasks, squad_tasks
from retriever.models.backends import load_model
from retriever.models.delta import State, apply, difference, save_delta
from retriever.models.encoder import BASE_FILE, Encoder
from retriever.models.offsets import mean_offset, save_offsets
from retriever.types import Vectors

LEAST_TEXTS = 50
"""Fewer texts than these say nothing of a language's offset."""
FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Between base (0) and tuned weights (1): the factor is chosen on the development articles."""


def align(plan: Plan, base: Encoder) -> dict[str, Any]:
    """Train a copy of the base encoder, choose the weights, write `plan.out`, and return the report.

    The folder holds the model, report.json and the evaluation's plots. Training that was broken off goes on where it
    was. Raises DataError if the data do not fit the method.
    """
    material = read_material(plan)
    tasks = report_tasks(material, ("L-en",) if plan.keeps_passages else ("L-en", "en-L"))
    rows, note, curve = (_offset if plan.method == "offset" else tune)(plan, material, base)
    tuned = Encoder(str(plan.out), cache=base.cache, device=base.device, backend="torch")
    systems: list[System] = [DenseSearch(base, "before"), DenseSearch(tuned, "after")]
    if plan.method == "late":
        systems += [HybridSearch(base, "before, re-ranked"), HybridSearch(tuned, "after, re-ranked")]
    evaluation = Evaluation(systems, tasks)
    report = {
        "method": plan.method,
        "base": base.name,
        "note": note,
        "rows": rows,
        "recipe": asdict(plan.recipe),
        "data": [path.name for path in plan.data],
        "test_articles": material.split.test.articles if material.split else [],
        "dev_articles": material.split.dev.articles if material.split else [],
        "curve": curve,
    }
    evaluation.save(plan.out / "evaluation", report)
    whole = {**report, **evaluation.as_dict()}
    (plan.out / "report.json").write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (plan.out / "README.md").write_text(_card(plan, base, report, evaluation), encoding="utf-8")
    shutil.rmtree(plan.out / "checkpoints", ignore_errors=True)
    return whole


def _offset(plan: Plan, material: Material, base: Encoder) -> tuple[int, str, list[dict[str, float]]]:
    """The base as it is, and the offsets of the languages beside it; how many texts tell, and of which languages."""
    offsets, count = language_offsets(material.texts, base)
    claim_folder(plan.out, plan)
    save_model(load_model(base.folder, base.device), base, plan.out)
    save_offsets(offsets, plan.out)
    return count, f"Offsets of {', '.join(sorted(offsets))}", []


def language_offsets(texts: Sequence[ParallelText], encoder: Encoder) -> tuple[dict[str, Vectors], int]:
    """The offset of each language with enough questions or pairs; how many texts tell. Raises DataError if none has."""
    by_language: dict[str, list[ParallelText]] = {}
    for text in texts:
        if text.kind in ("question", "pair"):
            by_language.setdefault(text.language, []).append(text)
    known = {language: own for language, own in by_language.items() if len(own) >= LEAST_TEXTS}
    if not known:
        raise DataError(f"offset needs {LEAST_TEXTS} parallel texts of a language; there are fewer.")
    offsets = {}
    for language, own in known.items():
        queries, english = (encoder.encode_queries([getattr(t, side) for t in own]) for side in ("text", "english"))
        offsets[language] = mean_offset(queries, english)
    return offsets, sum(map(len, known.values()))


def tune(plan: Plan, material: Material, base: Encoder) -> tuple[int, str, list[dict[str, float]]]:
    """Train a copy of the base by the method and save it; the number of rows, a note, and the trade-off curve.

    What `align` does but for the report. Raises DataError if the data do not fit the method.
    """
    model = load_model(base.folder, base.device)
    start: State = {name: value.clone() for name, value in model.state_dict().items()}
    if plan.adapters:
        if not plan.recipe.freeze_words:
            raise DataError("Adapters leave the word embeddings as they are; leave out --adapters or --train-words.")
        add_adapters(model, plan.adapters)
    rows, loss, note = rows_and_loss(plan, material, base, model)
    prefixes = (base.query_prefix, base.passage_prefix)
    guard = None
    if watched := material.watched:
        embed = embed_tokens if plan.method == "late" else embed_texts
        english = embed(base.model, [question.text for question in watched.questions["en"]], prefixes[0])
        passages = list(watched.passages["en"].values())
        fixed = embed(base.model, passages, prefixes[1]) if plan.keeps_passages else None
        guard = EnglishGuard(watched, prefixes, plan.recipe.english_tolerance, english, fixed, embed)
    claim_folder(plan.out, plan)
    train(model, rows, loss, plan.recipe, plan.out, guard)
    if plan.adapters:
        tuned = merged(start, model)
        model = load_model(base.folder, base.device)
        model.load_state_dict(tuned)
    curve = _choose(model, start, guard) if guard else []
    if plan.delta_rank:
        delta = difference(start, model.state_dict(), plan.delta_rank)
        save_delta(delta, plan.out / "delta.safetensors", {"base": base.name, "method": plan.method})
        model.load_state_dict(apply(start, delta))
    _save(model, base, plan)
    return len(rows), note, curve


def report_tasks(material: Material, directions: Sequence[str]) -> list[Task]:
    """What the report measures: held-out articles in these directions, held-out labelled queries."""
    tasks: list[Task] = []
    if material.split:
        tasks += squad_tasks(material.split.test, directions)
    if material.test_labelled:
        tasks += labelled_tasks(material.labelled, material.test_labelled)
    if not tasks:
        raise DataError("There is nothing to measure on: give parallel SQuAD data or labelled train and test TSVs.")
    return tasks


def _choose(model: SentenceTransformer, start: State, guard: EnglishGuard) -> list[dict[str, float]]:
    """Load the interpolation with the best guarded mean into the model; returns the trade-off curve."""
    tuned: State = {name: value.clone() for name, value in model.state_dict().items()}
    curve = []
    for factor in FACTORS:
        model.load_state_dict(interpolate(start, tuned, factor))
        curve.append({"factor": factor, **guard(model)})
    best = max(curve, key=lambda point: point["guarded_mean"])
    model.load_state_dict(interpolate(start, tuned, best["factor"]))
    return curve


def _save(model: SentenceTransformer, base: Encoder, plan: Plan) -> None:
    """A sentence-transformers folder; if only queries were aligned, one that routes passages to the base weights."""
    if plan.keeps_passages:
        untouched = load_model(base.folder, "cpu")
        queries, passages = ([cast(Module, part) for part in side.children()] for side in (model, untouched))
        model = SentenceTransformer(modules=[Router.for_query_document(queries, passages)], device=base.device)
    save_model(model, base, plan.out)
    if plan.method != "weighted":  # code-switched queries are easily taken for English
        note = {"english_queries": base.name, "passages": plan.keeps_passages}
        (plan.out / BASE_FILE).write_text(json.dumps(note) + "\n", encoding="utf-8")


def _card(plan: Plan, base: Encoder, report: dict[str, Any], evaluation: Evaluation) -> str:
    languages = sorted({task.language for task in evaluation.tasks} | set(plan.languages))
    lines = ["---", "library_name: sentence-transformers", "pipeline_tag: sentence-similarity", "language:"]
    lines += [f"- {language}" for language in languages if language != "hi-Latn"]
    lines += ["tags:", "- sentence-transformers", "- cross-lingual-retrieval", "---", ""]
    lines += [f"# {report['base']}, aligned by {plan.method}", ""]
    lines += ["Made by `isthmus align`; report.json holds the recipe and all figures.", ""]
    lines += [f"Trained on: {', '.join(report['data'])}; {report['rows']} rows. {report['note']}", ""]
    lines += [f"Prefixes, which the model carries: query {base.query_prefix!r}, document {base.passage_prefix!r}.", ""]
    for direction in evaluation.directions:
        columns, rows = evaluation.table(direction)
        lines += [f"## {direction}, R@1", "", "| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
        lines += ["| " + " | ".join(map(format_cell, row)) + " |" for row in rows]
        lines += [""]
    if report["test_articles"]:
        lines += [f"On the articles {', '.join(report['test_articles'])}, which training did not see.", ""]
    return "\n".join(lines)

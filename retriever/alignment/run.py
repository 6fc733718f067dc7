"""`isthmus align`: read the data, train by a method, keep English, report, and write a model folder."""

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.sentence_transformer.modules import Router
from torch import from_numpy, nn

from retriever.alignment.adapters import add_adapters, merged
from retriever.alignment.anchoring import Anchoring
from retriever.alignment.clear import AnchoredClear, Clear
from retriever.alignment.data import Kind, ParallelText, Split, anchoring_rows, parallel_texts, split_articles
from retriever.alignment.late import LateDistillation, late_rows
from retriever.alignment.names import name_lists, name_pairs
from retriever.alignment.objective import ObjectiveLoss
from retriever.alignment.parallel import clear_rows, mnrl_columns
from retriever.alignment.train import EnglishGuard, Recipe, by_text, by_tokens, claim, interpolate, save_model, train
from retriever.alignment.weighted import Sampling, split_knowledge_base, weighted_rows
from retriever.backends import load_model
from retriever.datasets import (
    DataError,
    Labelled,
    Pair,
    ParallelSquad,
    labelled_file,
    read_labelled,
    read_pairs,
    read_squad,
)
from retriever.delta import State, apply, difference, save_delta
from retriever.encoder import BASE_FILE, Encoder
from retriever.evaluation.page import cell
from retriever.evaluation.report import Evaluation
from retriever.evaluation.systems import Dense, Product, System
from retriever.evaluation.tasks import Task, labelled_tasks, squad_tasks
from retriever.offsets import mean_offset, save_offsets
from retriever.types import Vectors

Method = Literal["late", "distill", "clear", "clear-distill", "mnrl", "weighted", "offset"]
LEAST_TEXTS = 50
"""Fewer texts than these say nothing of a language's offset."""
SHARES: dict[Kind, float] = {"question": 0.4, "pair": 0.2, "name": 0.2, "english": 0.1, "piece": 0.1}
FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Between base (0) and tuned weights (1): the factor is chosen on the development articles."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train, on what, and how. Fields with a default follow the papers, or our tables where those are silent.

    `data` are folders or files as `isthmus eval retrieval` reads them. Of parallel SQuAD, `test_articles` are kept for
    the report and `dev_articles` to choose by; `train_articles` trains on so many of the others, for learning curves.
    `in_batch`: weighted negatives beside those of the batch's other rows. `shares`: what distillation's rows are made
    of. `adapters` trains low-rank adapters of that rank in place of the weights. With `delta_rank` the model is the
    base plus a difference of that rank, written to delta.safetensors.
    """

    method: Method
    data: tuple[Path, ...]
    out: Path
    recipe: Recipe
    languages: tuple[str, ...] = ()
    negatives: int = 1
    alpha: float = 0.4
    beta: float = 0.2
    scale: float = 20.0
    sampling: Sampling = "mixed"
    in_batch: bool = True
    query_side: bool = False
    names: bool = False
    adapters: int | None = None
    delta_rank: int | None = None
    test_articles: int = 8
    dev_articles: int = 2
    train_articles: int | None = None
    shares: dict[Kind, float] = field(default_factory=lambda: dict(SHARES))

    @property
    def keeps_passages(self) -> bool:
        """Whether passages stay where the base puts them, and indexes valid. `late` ranks such passages."""
        return self.query_side or self.method == "late"


@dataclass(frozen=True, slots=True)
class Material:
    """What the data folders hold, divided into what is trained on and what is measured."""

    split: Split | None
    pairs: list[Pair]
    labelled: list[Labelled]
    test_labelled: list[Labelled]

    @property
    def train(self) -> ParallelSquad | None:
        """The parallel questions to train on."""
        return self.split.train if self.split else None


def read_material(plan: Plan) -> Material:
    """Read every data folder; only the plan's languages are trained on, all are measured. Raises DataError."""
    split, pairs, labelled, held = None, list[Pair](), list[Labelled](), list[Labelled]()
    for path in plan.data:
        if not path.exists():
            raise DataError(f"{path} does not exist.")
        if path.is_dir() and any(path.glob("*.json")):
            squad = read_squad(path)
            whole = split_articles(
                squad,
                test=plan.test_articles,
                dev=plan.dev_articles,
                train=plan.train_articles,
                seed=plan.recipe.seed,
            )
            split = Split(_in_languages(whole.train, plan.languages), whole.dev, whole.test)
        elif base := labelled_file(path, "train"):
            labelled += read_labelled(base)
            tests = [file for name in ("test", "validation") if (file := labelled_file(path, name))]
            held += [row for file in tests for row in read_labelled(file)]
        else:
            pairs += read_pairs(path)
    wanted = [pair for pair in pairs if not plan.languages or pair.language in plan.languages]
    if plan.languages and plan.method != "weighted":
        labelled = [row for row in labelled if row.language in plan.languages]
    return Material(split, wanted, labelled, held)


def align(plan: Plan, base: Encoder) -> dict[str, Any]:
    """Train a copy of the base encoder, choose the weights, write `plan.out`, and return the report.

    The folder holds the model, report.json and the evaluation's plots. Training that was broken off goes on where it
    was. Raises DataError if the data do not fit the method.
    """
    material = read_material(plan)
    tasks = report_tasks(material, ("L-en",) if plan.keeps_passages else ("L-en", "en-L"))
    before = Dense(base, "before")
    rows, note, curve = (_offset if plan.method == "offset" else tune)(plan, material, base)
    tuned = Encoder(str(plan.out), cache=base.cache, device=base.device, backend="torch")
    systems: list[System] = [before, Dense(tuned, "after")]
    if plan.method == "late":
        systems += [Product(base, "before, re-ranked"), Product(tuned, "after, re-ranked")]
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
    texts = parallel_texts(material.train, material.pairs, material.labelled)
    offsets, count = language_offsets(texts, base)
    claim(plan.out, plan)
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
    rows, loss, note = _method(plan, material, base, model)
    prefixes = (base.query_prefix, base.passage_prefix)
    guard = None
    if material.split and any(material.split.dev.questions.values()):
        embed = by_tokens if plan.method == "late" else by_text
        watched = _watched(material.split)
        english = embed(base.model, [question.text for question in watched.questions["en"]], prefixes[0])
        passages = list(watched.passages["en"].values())
        fixed = embed(base.model, passages, prefixes[1]) if plan.keeps_passages else None
        guard = EnglishGuard(watched, prefixes, plan.recipe.english_tolerance, english, fixed, embed)
    claim(plan.out, plan)
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


def _method(
    plan: Plan, material: Material, base: Encoder, model: SentenceTransformer
) -> tuple[Dataset, nn.Module, str]:
    """A method is rows and a loss."""
    count, mini, seed = plan.recipe.steps * plan.recipe.batch, plan.recipe.mini_batch, plan.recipe.seed
    if plan.method == "distill":
        texts = parallel_texts(material.train, material.pairs, material.labelled)
        if plan.names:
            pairs = name_pairs(sorted({text.language for text in texts}))
            texts += name_lists(pairs, round(count * plan.shares["name"]), seed)
        rows, anchoring = anchoring_rows(texts, base, count=count, seed=seed, shares=plan.shares)
        return rows, ObjectiveLoss(model, anchoring, mini), f"{len(texts)} parallel texts"
    if plan.method == "weighted":
        if not material.labelled:
            raise DataError("weighted needs labelled queries: a folder with train.tsv and validation.tsv, or .jsonl.")
        index, training = split_knowledge_base(material.labelled, 0.3, random.Random(seed))
        rounds = -(-count // len(training))
        rows, contrast = weighted_rows(
            index, training, base, sampling=plan.sampling, rounds=rounds, seed=seed, in_batch=plan.in_batch
        )
        return rows.select_columns([*contrast.columns, "label"]), ObjectiveLoss(model, contrast, mini), plan.sampling
    if not material.train:
        raise DataError(f"{plan.method} needs parallel SQuAD data: a folder of files named like xquad.ro.json.")
    if plan.method == "late":
        if mini:
            raise DataError("late has no cached gradients; leave out --mini-batch, or give a smaller --batch.")
        texts = parallel_texts(material.train, material.pairs, material.labelled)
        rows, english = late_rows(texts, material.train, base, count=count, seed=seed)
        late = LateDistillation(model, english, base.query_prefix)
        return rows, late, f"{len(texts)} parallel texts, {len(english.passages)} passages"
    rows = clear_rows(
        material.train, base, count=count, negatives=plan.negatives, seed=seed, languages=plan.languages or None
    )
    clear = Clear(plan.negatives, plan.alpha, plan.beta, plan.scale)
    if plan.method == "clear":
        return rows.select_columns(list(clear.columns)), ObjectiveLoss(model, clear, mini), repr(clear)
    if plan.method == "clear-distill":
        originals = base.encode_queries([question.text for question in material.train.questions["en"]])
        both = AnchoredClear(clear, Anchoring(from_numpy(originals)))
        return rows.select_columns([*both.columns, "label"]), ObjectiveLoss(model, both, mini), repr(both)
    rows = rows.select_columns(mnrl_columns(plan.negatives))
    if mini:
        cached = CachedMultipleNegativesRankingLoss(model, scale=plan.scale, mini_batch_size=mini)
        return rows, cached, f"CachedMultipleNegativesRankingLoss(scale={plan.scale})"
    return rows, MultipleNegativesRankingLoss(model, scale=plan.scale), f"MultipleNegativesRankingLoss({plan.scale})"


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
        lines += ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
        lines += [""]
    if report["test_articles"]:
        lines += [f"On the articles {', '.join(report['test_articles'])}, which training did not see.", ""]
    return "\n".join(lines)


def _watched(split: Split) -> ParallelSquad:
    """The development questions, and all English ones outside the test: none is trained on, so they tell as well."""
    english = split.train.questions["en"] + split.dev.questions["en"]
    return ParallelSquad({**split.dev.questions, "en": english}, split.dev.passages)


def _in_languages(squad: ParallelSquad, languages: Sequence[str]) -> ParallelSquad:
    kept = [language for language in squad.questions if not languages or language in languages or language == "en"]
    return ParallelSquad(
        {language: squad.questions[language] for language in kept},
        {language: squad.passages[language] for language in kept},
    )

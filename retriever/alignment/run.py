"""`isthmus align`: read the data, train by a method, guard English, report, and write a model folder."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sentence_transformers import SentenceTransformer

from retriever.alignment.adapters import add_adapters, merge_adapters
from retriever.alignment.data import Material
from retriever.alignment.folder import claim_folder, finish_folder, save_aligned, save_model
from retriever.alignment.guard import EnglishGuard, embed_texts, embed_tokens
from retriever.alignment.methods.lira import Lira
from retriever.alignment.methods.offset import Offset, language_offsets
from retriever.alignment.plan import Plan, read_material
from retriever.alignment.run_lira import lira_systems, tune_lira
from retriever.alignment.train import interpolate, train
from retriever.errors import DataError
from retriever.evaluation.report import Evaluation
from retriever.evaluation.systems import DenseSearch, HybridSearch, System
from retriever.evaluation.tables import markdown_table
from retriever.evaluation.tasks import Task, labelled_tasks, squad_tasks
from retriever.models.backends import load_model
from retriever.models.delta import State, apply_delta, compute_delta, save_delta
from retriever.models.encoder import Encoder
from retriever.models.offsets import save_offsets

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Between base (0) and tuned weights (1): the factor is selected on the development articles."""


@dataclass(frozen=True, slots=True)
class TuningResult:
    """The number of rows trained on, a note on them for the card, and the guard's figures at each of FACTORS."""

    rows: int
    note: str
    curve: list[dict[str, float]] = field(default_factory=list)


def align(plan: Plan, base: Encoder) -> dict[str, Any]:
    """Train a copy of the base encoder, select the weights, write `plan.out`, and return the report.

    The folder holds the model, report.json and the evaluation's plots. Interrupted training resumes. Raises DataError
    if the data do not fit the method.
    """
    material = read_material(plan)
    tasks = report_tasks(material, ("L-en",) if plan.method.keeps_passages else ("L-en", "en-L"))
    result = tune(plan, material, base)
    evaluation = Evaluation(_compared(plan, material, base), tasks)
    about = {
        "method": plan.method.name,
        "base": base.name,
        "note": result.note,
        "rows": result.rows,
        "recipe": asdict(plan.recipe),
        "data": [path.name for path in plan.data],
        "test_articles": material.split.test.articles if material.split else [],
        "dev_articles": material.split.dev.articles if material.split else [],
        "curve": result.curve,
    }
    evaluation.save(plan.out / "evaluation", about)
    report = {**about, **evaluation.as_dict()}
    finish_folder(plan.out, report, _card(plan, base, about, evaluation))
    return report


def _compared(plan: Plan, material: Material, base: Encoder) -> list[System]:
    """The systems of the report: before and after."""
    if isinstance(plan.method, Lira):
        return lira_systems(plan, material, base)
    tuned = Encoder(str(plan.out), cache=base.cache, device=base.device, backend="torch")
    systems: list[System] = [DenseSearch(base, "before"), DenseSearch(tuned, "after")]
    if plan.method.matches_tokens:
        systems += [HybridSearch(base, "before, re-ranked"), HybridSearch(tuned, "after, re-ranked")]
    return systems


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


def tune(plan: Plan, material: Material, base: Encoder) -> TuningResult:
    """Train a copy of the base by the method and save it: what `align` does but for the report.

    Raises DataError if the data do not fit the method.
    """
    if isinstance(plan.method, Offset):
        return _save_with_offsets(plan, material, base)
    if isinstance(plan.method, Lira):
        return TuningResult(*tune_lira(plan, plan.method, material, base))
    model = load_model(base.folder, base.device)
    start = _copy_weights(model)
    if plan.adapters:
        if not plan.recipe.freeze_words:
            raise DataError("Adapters leave the word embeddings as they are; leave out --adapters or --train-words.")
        add_adapters(model, plan.adapters)
    training = plan.method.prepare(material, base, model, plan.recipe)
    guard = _build_guard(plan, material, base)
    claim_folder(plan.out, plan)
    train(model, training.rows, training.loss, plan.recipe, plan.out, guard, unique_texts=training.unique_texts)
    if plan.adapters:
        weights = merge_adapters(start, model)
        model = load_model(base.folder, base.device)
        model.load_state_dict(weights)
    curve = _select_weights(model, start, guard) if guard else []
    if plan.delta_rank:
        delta = compute_delta(start, model.state_dict(), plan.delta_rank)
        save_delta(delta, plan.out / "delta.safetensors", {"base": base.name, "method": plan.method.name})
        model.load_state_dict(apply_delta(start, delta))
    save_aligned(model, base, plan.method, plan.out)
    return TuningResult(len(training.rows), training.note, curve)


def _save_with_offsets(plan: Plan, material: Material, base: Encoder) -> TuningResult:
    """Save the base as it is, and beside it the offsets of the languages."""
    offsets, count = language_offsets(material.texts, base)
    claim_folder(plan.out, plan)
    save_model(load_model(base.folder, base.device), base, plan.out)
    save_offsets(offsets, plan.out)
    return TuningResult(count, f"Offsets of {', '.join(sorted(offsets))}")


def _build_guard(plan: Plan, material: Material, base: Encoder) -> EnglishGuard | None:
    """The guard on the plan's development questions; None without any."""
    squad = material.validation
    if squad is None:
        return None
    embed = embed_tokens if plan.method.matches_tokens else embed_texts
    english = embed(base.model, [question.text for question in squad.questions["en"]], base.query_prefix)
    passages = None
    if plan.method.keeps_passages:
        passages = embed(base.model, list(squad.passages["en"].values()), base.passage_prefix)
    prefixes = (base.query_prefix, base.passage_prefix)
    return EnglishGuard(squad, prefixes, plan.recipe.english_tolerance, english, passages, embed)


def _select_weights(model: SentenceTransformer, start: State, guard: EnglishGuard) -> list[dict[str, float]]:
    """Load the interpolation with the best guarded mean into the model, and return the guard's figures of all."""
    tuned = _copy_weights(model)
    curve = []
    for factor in FACTORS:
        model.load_state_dict(interpolate(start, tuned, factor))
        curve.append({"factor": factor, **guard(model)})
    best = max(curve, key=lambda point: point["guarded_mean"])
    model.load_state_dict(interpolate(start, tuned, best["factor"]))
    return curve


def _copy_weights(model: SentenceTransformer) -> State:
    return {name: value.clone() for name, value in model.state_dict().items()}


def _card(plan: Plan, base: Encoder, about: dict[str, Any], evaluation: Evaluation) -> str:
    languages = sorted({task.language for task in evaluation.tasks} | set(plan.languages))
    lines = ["---", "library_name: sentence-transformers", "pipeline_tag: sentence-similarity", "language:"]
    lines += [f"- {language}" for language in languages if language != "hi-Latn"]
    lines += ["tags:", "- sentence-transformers", "- cross-lingual-retrieval", "---", ""]
    lines += [f"# {about['base']}, aligned by {about['method']}", ""]
    lines += ["Made by `isthmus align`; report.json holds the recipe and all figures.", ""]
    lines += [f"Trained on: {', '.join(about['data'])}; {about['rows']} rows. {about['note']}", ""]
    lines += [f"Prefixes, which the model carries: query {base.query_prefix!r}, document {base.passage_prefix!r}.", ""]
    for direction in evaluation.directions:
        columns, rows = evaluation.table(direction)
        lines += [f"## {direction}, R@1", "", markdown_table(columns, rows), ""]
    if about["test_articles"]:
        lines += [f"On the articles {', '.join(about['test_articles'])}, which training did not see.", ""]
    return "\n".join(lines)

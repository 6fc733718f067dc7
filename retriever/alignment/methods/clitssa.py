"""CLiTSSA: cross-lingual similarity taught to agree with in-language similarity (arXiv 2412.08090).

For a question in language x the translated questions are compared in x; the most similar and some others are replaced
by their English originals, and the encoder is tuned so that it ranks these as it ranked the translations.
"""

import json
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from scipy import stats
from sentence_transformers.sentence_transformer.losses import CoSENTLoss

from retriever.alignment.train import Recipe, claim_folder, save_model, train
from retriever.models.backends import load_model
from retriever.models.encoder import Encoder
from retriever.temporal.agreement import compare_selectors
from retriever.temporal.demonstrations import TemporalSplit
from retriever.temporal.questions import TaskName, TemporalQuestion, write_question
from retriever.temporal.selectors import SimilaritySelector

NEAREST, OTHERS = 30, 10
"""The paper's h and w."""


@dataclass(frozen=True, slots=True)
class Row:
    """Questions `asked` (in `language`) and `shown` (in English) by their numbers, and their in-language similarity."""

    language: str
    asked: int
    shown: int
    similarity: float


def clitssa_rows(
    questions: Sequence[TemporalQuestion],
    languages: Sequence[str],
    encoder: Encoder,
    *,
    nearest: int = NEAREST,
    others: int = OTHERS,
    seed: int = 1,
) -> list[Row]:
    """For each question in each language its `nearest` most similar in that language and `others` of the rest."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for language in languages:
        vectors = encoder.encode_queries([write_question(question.content, language) for question in questions])
        for number, similar in enumerate(vectors @ vectors.T):
            order = np.argsort(-similar, kind="stable")
            order = order[order != number]
            rest = order[nearest:]
            picked = rng.choice(rest, min(others, len(rest)), replace=False)
            rows += [Row(language, number, int(n), float(similar[n])) for n in (*order[:nearest], *picked)]
    return rows


def as_dataset(rows: Sequence[Row], questions: Sequence[TemporalQuestion], prefix: str) -> Dataset:
    """The columns that CoSENTLoss takes: two texts and their similarity."""
    return Dataset.from_dict(
        {
            "asked": [prefix + write_question(questions[row.asked].content, row.language) for row in rows],
            "shown": [prefix + write_question(questions[row.shown].content, "en") for row in rows],
            "score": [row.similarity for row in rows],
        }
    )


HELD_OUT = 0.1
"""Share of the pairs that training does not see."""


@dataclass(frozen=True, slots=True)
class TimePlan:
    """What to tune on: the pool's questions of these tasks, in these languages."""

    data: tuple[str, ...]
    out: Path
    recipe: Recipe
    languages: tuple[str, ...]
    tasks: tuple[TaskName, ...]


def align_clitssa(plan: TimePlan, split: TemporalSplit, base: Encoder) -> dict[str, Any]:
    """Tune a copy of the base on the split's pool, write `plan.out`, and return the report on the questions asked.

    Every task of the split is reported on, trained on or not (transfer). Training that was broken off goes on.
    """
    recipe = plan.recipe
    pool = [question for question in split.pool if question.task in plan.tasks]
    rows = clitssa_rows(pool, plan.languages, base, seed=recipe.seed)
    random.Random(recipe.seed).shuffle(rows)
    held, rows = rows[: int(len(rows) * HELD_OUT)], rows[int(len(rows) * HELD_OUT) :]
    count = recipe.steps * recipe.batch
    drawn = [rows[n % len(rows)] for n in range(count)]
    claim_folder(plan.out, plan)
    model = load_model(base.folder, base.device)
    train(model, as_dataset(drawn, pool, base.query_prefix), CoSENTLoss(model), recipe, plan.out)
    save_model(model, base, plan.out)
    with tempfile.TemporaryDirectory() as scratch:  # the folder is not finished; nobody would use its export again
        tuned = Encoder(str(plan.out), cache=Path(scratch), device=base.device)
        report = {**_about(plan, base, len(rows)), **_compared(plan, split, base, tuned, held, pool)}
    (plan.out / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (plan.out / "README.md").write_text(_card(report), encoding="utf-8")
    shutil.rmtree(plan.out / "checkpoints")
    return report


def _about(plan: TimePlan, base: Encoder, pairs: int) -> dict[str, Any]:
    return {
        "method": "clitssa",
        "base": base.name,
        "data": list(plan.data),
        "languages": list(plan.languages),
        "tasks": list(plan.tasks),
        "recipe": asdict(plan.recipe),
        "pairs": pairs,
    }


def _compared(
    plan: TimePlan,
    split: TemporalSplit,
    base: Encoder,
    tuned: Encoder,
    held: Sequence[Row],
    pool: Sequence[TemporalQuestion],
) -> dict[str, Any]:
    """What tuning changed: on the held-out pairs, and in the choice of demonstrations for the questions asked."""
    selectors = [SimilaritySelector(base, "X-InSTA"), SimilaritySelector(tuned, "CLiTSSA")]
    return {
        "held_out": {"before": _spearman(base, held, pool), "after": _spearman(tuned, held, pool)},
        "results": [
            {"task": task, "language": language, "selector": name, **asdict(found)}
            for task, language, name, found in compare_selectors(split, plan.languages, base, selectors)
        ],
    }


def _spearman(encoder: Encoder, rows: Sequence[Row], questions: Sequence[TemporalQuestion]) -> float:
    """Rank correlation of cross-lingual with in-language similarity over pairs."""
    left = encoder.encode_queries([write_question(questions[row.asked].content, row.language) for row in rows])
    right = encoder.encode_queries([write_question(questions[row.shown].content, "en") for row in rows])
    return float(stats.spearmanr((left * right).sum(axis=1), [row.similarity for row in rows]).statistic)


def _card(report: dict[str, Any]) -> str:
    lines = ["---", "library_name: sentence-transformers", "pipeline_tag: sentence-similarity", "language:", "- en"]
    lines += [f"- {language}" for language in report["languages"]]
    lines += ["tags:", "- sentence-transformers", "---", "", f"# {report['base']}, tuned by CLiTSSA", ""]
    lines += ["For choosing English demonstrations for questions about time. Made by `isthmus align --method clitssa`;"]
    lines += [
        f"trained on {report['pairs']} pairs of {', '.join(report['tasks'])} from {', '.join(report['data'])}.",
        "",
    ]
    before, after = report["held_out"]["before"], report["held_out"]["after"]
    lines += [
        f"Rank correlation with in-language similarity on held-out pairs: {before:.3f} before, {after:.3f} after.",
        "",
    ]
    lines += ["| task | language | selector | overlap@3 with the in-language choice | rank correlation |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for row in report["results"]:
        figures = f"{row['overlap']:.3f} | {row['correlation']:.3f}"
        lines += [f"| {row['task']} | {row['language']} | {row['selector']} | {figures} |"]
    return "\n".join([*lines, ""])

"""`isthmus align --method clitssa`: tune an encoder on questions about time, report, and write a model folder."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scipy import stats

from retriever.alignment.folder import claim_folder, finish_folder, save_aligned
from retriever.alignment.methods.clitssa import Clitssa, SimilarPair
from retriever.alignment.recipe import Recipe
from retriever.alignment.train import train
from retriever.evaluation.tables import markdown_table
from retriever.models.backends import load_model
from retriever.models.encoder import Encoder
from retriever.temporal.agreement import compare_selectors
from retriever.temporal.demonstrations import TemporalSplit
from retriever.temporal.questions import TemporalQuestion, write_question
from retriever.temporal.selectors import SimilaritySelector


@dataclass(frozen=True, slots=True)
class ClitssaPlan:
    """What to tune on, and how; `data` names the files or folders of questions for the report."""

    method: Clitssa
    data: tuple[str, ...]
    out: Path
    recipe: Recipe
    languages: tuple[str, ...]


def align_clitssa(plan: ClitssaPlan, split: TemporalSplit, base: Encoder) -> dict[str, Any]:
    """Tune a copy of the base on the split's pool, write `plan.out`, and return the report on the split's questions.

    Every task of the split is reported on, trained on or not (transfer). Interrupted training resumes.
    """
    pool = [question for question in split.pool if question.task in plan.method.tasks]
    pairs = plan.method.split_pairs(pool, plan.languages, base, plan.recipe.seed)
    claim_folder(plan.out, plan)
    model = load_model(base.folder, base.device)
    training = plan.method.prepare(pairs.train, pool, base.query_prefix, model, plan.recipe)
    train(model, training.rows, training.loss, plan.recipe, plan.out)
    save_aligned(model, base, plan.method, plan.out)
    with tempfile.TemporaryDirectory() as cache:  # the folder is not finished; nobody would use its export again
        tuned = Encoder(str(plan.out), cache=Path(cache), device=base.device)
        selectors = [SimilaritySelector(base, "X-InSTA"), SimilaritySelector(tuned, "CLiTSSA")]
        report: dict[str, Any] = {
            "method": plan.method.name,
            "base": base.name,
            "data": list(plan.data),
            "languages": list(plan.languages),
            "tasks": list(plan.method.tasks),
            "recipe": asdict(plan.recipe),
            "pairs": len(pairs.train),
            "held_out": {
                "before": _rank_correlation(base, pairs.held_out, pool),
                "after": _rank_correlation(tuned, pairs.held_out, pool),
            },
            "results": [
                {"task": task, "language": language, "selector": name, **asdict(agreement)}
                for task, language, name, agreement in compare_selectors(split, plan.languages, base, selectors)
            ],
        }
    finish_folder(plan.out, report, _card(report, training.note))
    return report


def _rank_correlation(encoder: Encoder, pairs: Sequence[SimilarPair], questions: Sequence[TemporalQuestion]) -> float:
    """Spearman's correlation of cross-lingual with in-language similarity over pairs."""
    left = encoder.encode_queries([write_question(questions[pair.question].content, pair.language) for pair in pairs])
    right = encoder.encode_queries([write_question(questions[pair.demonstration].content, "en") for pair in pairs])
    return float(stats.spearmanr((left * right).sum(axis=1), [pair.similarity for pair in pairs]).statistic)


def _card(report: dict[str, Any], note: str) -> str:
    lines = ["---", "library_name: sentence-transformers", "pipeline_tag: sentence-similarity", "language:", "- en"]
    lines += [f"- {language}" for language in report["languages"]]
    lines += ["tags:", "- sentence-transformers", "---", "", f"# {report['base']}, tuned by CLiTSSA", ""]
    lines += ["For choosing English demonstrations for questions about time. Made by `isthmus align --method clitssa`;"]
    lines += [f"trained on {note} of {', '.join(report['tasks'])} from {', '.join(report['data'])}.", ""]
    before, after = report["held_out"]["before"], report["held_out"]["after"]
    lines += [
        f"Rank correlation with in-language similarity on held-out pairs: {before:.3f} before, {after:.3f} after.",
        "",
    ]
    columns = ["task", "language", "selector", "overlap@3 with the in-language choice", "rank correlation"]
    rows = [
        [row[key] for key in ("task", "language", "selector", "overlap", "correlation")] for row in report["results"]
    ]
    lines += [markdown_table(columns, rows), ""]
    return "\n".join(lines)

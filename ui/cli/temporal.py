"""The commands about questions of time: `isthmus eval questions`, `demonstrations` and `temporal`."""

import contextlib
import random
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from rag.settings import load_settings
from retriever.errors import IsthmusError
from retriever.types import LAST_YEAR
from ui.cli.choices import check_choice, parse_choices
from ui.cli.terminal import Json, err, out, print_json

app = typer.Typer()

DATA = "TempReason's JSON lines, or facts (subject, relation, object, from, to), or a folder of such files."
Data = Annotated[Path, typer.Option(help=DATA)]
Tuned = Annotated[list[str] | None, typer.Option(help="Encoders that CLiTSSA made; repeat.")]
Base = Annotated[str, typer.Option(help="The untuned encoder; its in-language choice is the oracle's.")]


@app.command("questions")
def eval_questions(
    languages: Annotated[str, typer.Option(help="Languages to write, e.g. ro,hi,th.")],
    save: Annotated[Path, typer.Option("--out", help="Folder for NAME.LANGUAGE.jsonl, in mTEMPREASON's form.")],
    data: Annotated[Path | None, typer.Option(help=DATA)] = None,
    years: Annotated[str | None, typer.Option(help="Or calendar arithmetic from years such as 1900-2030.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many of those.")] = 500,
    seed: int = 1,
    as_json: Json = False,
) -> None:
    """Questions about time: TempReason's, from templates, or calendar arithmetic in any language of CLDR."""
    from retriever.languages.months import month_names
    from retriever.temporal import arithmetic
    from retriever.temporal.questions import (
        jsonl_files,
        questions_from_shifts,
        read_tempreason,
        write_multilingual,
    )

    if data is not None and years is None:
        chosen = parse_choices(languages, arithmetic.languages(), "languages")
        sets = {file.stem: read_tempreason(file) for file in jsonl_files(data)}
    elif years is not None and data is None:
        chosen = [language for part in languages.split(",") if (language := part.strip())]
        if not chosen or not all(map(month_names, chosen)):
            raise IsthmusError(f"CLDR does not know all of {languages!r}; name languages by codes, such as ro,ja,fa.")
        sets = {"l1": questions_from_shifts(arithmetic.random_shifts(count, _years(years), random.Random(seed)))}
    else:
        raise IsthmusError("Name either --data, a TempReason file or folder, or --years, such as 1900-2030.")
    save.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, questions in sets.items():
        for language in chosen:
            target = save / f"{name}.{language}.jsonl"
            write_multilingual(questions, language, target)
            written[str(target)] = len(questions)
    if as_json:
        print_json(written)
        return
    for path, count in written.items():
        out.print(f"{count} questions in {path}", markup=False)


def _years(text: str) -> range:
    """Years such as "1900-2030", both included, or one. Raises IsthmusError."""
    match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", text.strip(), flags=re.ASCII)
    years = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
    if not years or years[0] < 1:
        raise IsthmusError(f"--years {text}: give two years from 1 to {LAST_YEAR}, such as 1900-2030.")
    return years


@app.command("demonstrations")
def eval_demonstrations(
    data: Data,
    languages: Annotated[str, typer.Option(help="Languages to ask in.")] = "ro,de,fr",
    encoder: Base = "base",
    tuned: Tuned = None,
    pool: Annotated[int, typer.Option(min=3, help="English questions of each task to choose from.")] = 1200,
    asked: Annotated[int, typer.Option(min=1, help="Questions of each task to choose for.")] = 300,
    seed: int = 1,
    as_json: Json = False,
) -> None:
    """Which demonstrations go with questions about time? Selectors beside the in-language choice; no generator."""
    from rich.table import Table

    from rag.build import build_encoder, build_tuned_encoders
    from retriever.temporal import arithmetic
    from retriever.temporal.agreement import compare_selectors
    from retriever.temporal.demonstrations import split_questions
    from retriever.temporal.questions import read_questions
    from retriever.temporal.selectors import all_selectors

    chosen = parse_choices(languages, arithmetic.languages(), "languages")
    split = split_questions(read_questions(data), pool=pool, asked=asked, seed=seed)
    base = build_encoder(load_settings(encoder=encoder))
    others = build_tuned_encoders(tuned or ())
    rows = [
        {"task": task, "language": language, "selector": name, **asdict(found)}
        for task, language, name, found in compare_selectors(split, chosen, base, all_selectors(base, others, seed))
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("task", "language", "selector", "overlap@3", "correlation", "same relation")
    for row in rows:
        found = [row[name] for name in ("overlap", "correlation", "same_relation")]
        figures = ("" if value is None else f"{value:.3f}" for value in found)
        table.add_row(str(row["task"]), str(row["language"]), str(row["selector"]), *figures)
    out.print(table)


@app.command("temporal")
def eval_temporal(
    data: Data,
    save: Annotated[Path, typer.Option("--out", help="Folder of the evaluation; it goes on where it was.")],
    tasks: Annotated[str, typer.Option(help="Of l1, l2, l3.")] = "l1,l2,l3",
    languages: Annotated[str, typer.Option(help="Languages to ask in.")] = "ro,de,fr",
    selectors: Annotated[str | None, typer.Option(help="Of random, bm25, X-InSTA, oracle, …; default: all.")] = None,
    shots: Annotated[int, typer.Option(min=0, max=10, help="Demonstrations in a prompt.")] = 3,
    setting: Annotated[str, typer.Option(help="closed, facts (of the subject), or rag (found by search).")] = "closed",
    style: Annotated[str, typer.Option(help="chat or completion.")] = "chat",
    questions: Annotated[int, typer.Option(min=1, help="Questions of each task.")] = 40,
    pool: Annotated[int, typer.Option(min=3, help="English questions of each task to choose from.")] = 1200,
    encoder: Base = "base",
    tuned: Tuned = None,
    seed: int = 1,
    as_json: Json = False,
) -> None:
    """Questions about time to the generator, with demonstrations chosen by each selector: F1, exact match, report."""
    from rich.table import Table

    from rag.build import build_encoder, build_engine, build_tuned_encoders
    from rag.evaluation.facts import open_fact_source
    from rag.evaluation.report import save_report, score_table
    from rag.evaluation.temporal import EvidenceSetting, TemporalPlan, evaluable, evaluate_items
    from rag.generation.few_shot import PromptStyle
    from retriever.evaluation import format_cell
    from retriever.temporal import arithmetic
    from retriever.temporal.demonstrations import split_questions
    from retriever.temporal.questions import TaskName, read_questions
    from retriever.temporal.selectors import SimilaritySelector, all_selectors

    check_choice(setting, get_args(EvidenceSetting), "settings")
    check_choice(style, get_args(PromptStyle), "styles")
    about = parse_choices(tasks, get_args(TaskName), "tasks")
    spoken = parse_choices(languages, arithmetic.languages(), "languages")
    settings = load_settings()
    everything = read_questions(data)
    split = split_questions(everything, pool=pool, asked=questions, seed=seed)
    base = build_encoder(load_settings(encoder=encoder))
    others = build_tuned_encoders(tuned or ())
    there_are = [*all_selectors(base, others, seed), SimilaritySelector(base, "oracle", translated_pool=True)]
    names = tuple(selector.name for selector in there_are)
    wanted = tuple(parse_choices(selectors, names, "selectors")) if selectors else names
    engine = evaluable(build_engine(settings))
    plan = TemporalPlan(
        tasks=cast(tuple[TaskName, ...], tuple(about)),
        languages=tuple(spoken),
        selectors=wanted,
        questions=questions,
        pool=pool,
        setting=cast(EvidenceSetting, setting),
        style=cast(PromptStyle, style),
        shots=shots,
        seed=seed,
        generator=engine.label,
    )
    picked = [selector for selector in there_are if selector.name in wanted]
    with contextlib.closing(engine), open_fact_source(plan.setting, everything, settings, save) as facts:
        lines = evaluate_items(plan, split, picked, engine, save, facts=facts)
    save_report(lines, plan, save)
    tables = {task: score_table(lines, plan, task) for task in plan.tasks}
    if as_json:
        print_json({task: {"columns": columns, "rows": rows} for task, (columns, rows) in tables.items()})
        return
    for columns, rows in tables.values():
        shown = Table(*columns, title="F1 (sets)")
        for row in rows:
            shown.add_row(*map(format_cell, row))
        out.print(shown)
    err.print(f"items.jsonl, results.json, plots and report.html are in {save}", markup=False)

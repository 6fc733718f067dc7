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
SETTINGS = (
    "closed, facts (of the subject), rag (found by search), or withheld (the questions of these two without facts)."
)
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
        language_codes = parse_choices(languages, arithmetic.languages(), "languages")
        question_sets = {file.stem: read_tempreason(file) for file in jsonl_files(data)}
    elif years is not None and data is None:
        language_codes = [language for part in languages.split(",") if (language := part.strip())]
        if not language_codes or not all(map(month_names, language_codes)):
            raise IsthmusError(f"CLDR does not know all of {languages!r}; name languages by codes, such as ro,ja,fa.")
        shifts = arithmetic.random_shifts(count, _parse_years(years), random.Random(seed))
        question_sets = {"l1": questions_from_shifts(shifts)}
    else:
        raise IsthmusError("Name either --data, a TempReason file or folder, or --years, such as 1900-2030.")
    save.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, questions in question_sets.items():
        for language in language_codes:
            path = save / f"{name}.{language}.jsonl"
            write_multilingual(questions, language, path)
            counts[str(path)] = len(questions)
    if as_json:
        print_json(counts)
        return
    for file_name, count in counts.items():
        out.print(f"{count} questions in {file_name}", markup=False)


def _parse_years(text: str) -> range:
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
    from rag.build import build_encoder, build_tuned_encoders
    from retriever.evaluation import terminal_table
    from retriever.temporal import arithmetic
    from retriever.temporal.agreement import compare_selectors
    from retriever.temporal.demonstrations import split_questions
    from retriever.temporal.questions import read_questions
    from retriever.temporal.selectors import SHOTS, all_selectors

    language_codes = parse_choices(languages, arithmetic.languages(), "languages")
    split = split_questions(read_questions(data), pool=pool, questions=asked, seed=seed)
    base = build_encoder(load_settings(encoder=encoder))
    selectors = all_selectors(base, build_tuned_encoders(tuned or ()), seed)
    rows = [
        {"task": task, "language": language, "selector": name, **asdict(agreement)}
        for task, language, name, agreement in compare_selectors(split, language_codes, base, selectors)
    ]
    if as_json:
        print_json(rows)
        return
    columns = {
        "task": "task",
        "language": "language",
        "selector": "selector",
        "overlap": f"overlap@{SHOTS}",
        "correlation": "correlation",
        "same_relation": "same relation",
        "same_month": "same month",
    }
    out.print(terminal_table("", list(columns.values()), [[row[name] for name in columns] for row in rows]))


@app.command("temporal")
def eval_temporal(
    data: Data,
    save: Annotated[Path, typer.Option("--out", help="Folder of the evaluation; it goes on where it was.")],
    tasks: Annotated[str, typer.Option(help="Of l1, l2, l3.")] = "l1,l2,l3",
    languages: Annotated[str, typer.Option(help="Languages to ask in.")] = "ro,de,fr",
    selectors: Annotated[str | None, typer.Option(help="Of random, bm25, X-InSTA, oracle, …; default: all.")] = None,
    shots: Annotated[int, typer.Option(min=0, max=10, help="Demonstrations in a prompt.")] = 3,
    setting: Annotated[str, typer.Option(help=SETTINGS)] = "closed",
    style: Annotated[str, typer.Option(help="chat or completion.")] = "chat",
    questions: Annotated[int, typer.Option(min=1, help="Questions of each task.")] = 40,
    pool: Annotated[int, typer.Option(min=3, help="English questions of each task to choose from.")] = 1200,
    encoder: Base = "base",
    tuned: Tuned = None,
    seed: int = 1,
    as_json: Json = False,
) -> None:
    """Questions about time to the generator, with demonstrations chosen by each selector: F1, exact match, report."""
    from rag.build import build_encoder, build_engine, build_tuned_encoders
    from rag.evaluation.plan import EvidenceSetting, TemporalPlan
    from rag.evaluation.run import candidate_selectors, run_temporal
    from rag.generation.few_shot import PromptStyle
    from retriever.evaluation import terminal_table
    from retriever.temporal import arithmetic
    from retriever.temporal.questions import TaskName, read_facts, read_questions

    check_choice(setting, get_args(EvidenceSetting), "settings")
    check_choice(style, get_args(PromptStyle), "styles")
    task_names = parse_choices(tasks, get_args(TaskName), "tasks")
    language_codes = parse_choices(languages, arithmetic.languages(), "languages")
    settings = load_settings()
    all_questions = read_questions(data)
    base = build_encoder(load_settings(encoder=encoder))
    tuned_encoders = build_tuned_encoders(tuned or ())
    names = tuple(selector.name for selector in candidate_selectors(base, tuned_encoders, seed))
    plan = TemporalPlan(
        tasks=cast(tuple[TaskName, ...], tuple(task_names)),
        languages=tuple(language_codes),
        selectors=tuple(parse_choices(selectors, names, "selectors")) if selectors else names,
        questions=questions,
        pool=pool,
        setting=cast(EvidenceSetting, setting),
        style=cast(PromptStyle, style),
        shots=shots,
        seed=seed,
    )
    with contextlib.ExitStack() as stack:
        report = run_temporal(
            plan,
            all_questions,
            encoder=base,
            tuned=tuned_encoders,
            engine=lambda: stack.enter_context(contextlib.closing(build_engine(settings))),
            settings=settings,
            folder=save,
            facts=read_facts(data),
        )
    tables = {task: report.table(task) for task in plan.tasks}
    if as_json:
        print_json({task: {"columns": columns, "rows": rows} for task, (columns, rows) in tables.items()})
        return
    for columns, rows in tables.values():
        out.print(terminal_table("F1 (sets)", columns, rows))
    err.print(f"items.jsonl, results.json, plots and report.html are in {save}", markup=False)

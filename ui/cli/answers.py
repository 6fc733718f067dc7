"""The command `isthmus eval answers`."""

from pathlib import Path
from typing import Annotated

import typer

from rag.settings import load_settings
from ui.cli.terminal import Json, err, out, print_json

app = typer.Typer()


@app.command("answers")
def eval_answers(
    data: Annotated[
        Path,
        typer.Option(help="A folder of SQuAD files NAME.LANGUAGE.json, AfriQA's JSON lines, or your own."),
    ],
    save: Annotated[Path, typer.Option("--out", help="Folder of the evaluation; it goes on where it was.")],
    languages: Annotated[str | None, typer.Option(help="Languages to ask in, e.g. ro,hi; default: all.")] = None,
    questions: Annotated[int, typer.Option(min=1, help="Questions a language.")] = 40,
    unanswerable: Annotated[int, typer.Option(min=0, help="Others a language whose passage is taken out.")] = 0,
    seed: int = 1,
    as_json: Json = False,
) -> None:
    """Questions with known answers to the generator: recall, wrong and refused answers, language, citations, report.

    Lines of your own are {"question": …, "answers": […]}, with "passage" and "language" if you know them. Passages are
    searched in a library of their own; questions without passages are asked of your library.
    """
    from rag.evaluation.answer_data import read_answer_data
    from rag.evaluation.answer_report import COLUMNS
    from rag.evaluation.answer_results import AnswerPlan
    from rag.evaluation.answer_run import run_answers
    from retriever.evaluation import terminal_table

    codes = [code for part in languages.split(",") if (code := part.strip())] if languages else None
    answer_data = read_answer_data(data, codes)
    plan = AnswerPlan(str(data), tuple(answer_data.languages), questions, unanswerable, seed)
    report = run_answers(plan, answer_data, settings=load_settings(), folder=save)
    if as_json:
        print_json({"columns": COLUMNS, "rows": report.table()})
        return
    out.print(terminal_table("Answers", COLUMNS, report.table()))
    err.print(f"items.jsonl, results.json and report.html are in {save}", markup=False)

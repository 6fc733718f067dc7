"""The commands for those who measure and train: `isthmus eval`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rag.cli import Json, app, err, out, print_json
from rag.library import open_encoder
from rag.settings import load_settings
from retriever.errors import IsthmusError

evaluate = typer.Typer(help="Measure on public data.", no_args_is_help=True)
app.add_typer(evaluate, name="eval")

SYSTEMS = ("dense", "bm25", "isthmus")


@evaluate.command("retrieval")
def eval_retrieval(
    data: Annotated[Path, typer.Option(help="XQuAD-style folder, Tatoeba-style TSV, labelled TSVs, or BEIR folder.")],
    systems: Annotated[str, typer.Option(help="dense, bm25 and isthmus (dense and BM25 fused).")] = "dense,isthmus",
    encoder: Annotated[list[str] | None, typer.Option(help="Encoders to measure; default: the one set.")] = None,
    languages: Annotated[str | None, typer.Option(help="Only these, e.g. ro,hi,th.")] = None,
    directions: Annotated[str, typer.Option(help="Of parallel data: L-en, L-L, en-L, mixed.")] = "L-en",
    save: Annotated[Path | None, typer.Option("--out", help="Folder for runs, JSON, plots and HTML.")] = None,
    as_json: Json = False,
) -> None:
    """How well does each language find the right passages? Others are compared with the first system, paired."""
    from retriever.evaluation import Dense, Evaluation, Lexical, Product, System, read_tasks

    chosen = _listed(systems, SYSTEMS, "systems")
    tasks = read_tasks(
        data,
        languages.split(",") if languages else None,
        _listed(directions, ("L-en", "L-L", "en-L", "mixed"), "directions"),
    )
    settings = load_settings()
    names = encoder or [settings.encoder]
    measured: list[System] = [Lexical()] if "bm25" in chosen else []
    for name in names:
        model = open_encoder(settings.model_copy(update={"encoder": name}))
        label = f" ({Path(name).name})" if len(names) > 1 else ""
        if "dense" in chosen:
            measured.append(Dense(model, f"dense{label}"))
        if "isthmus" in chosen:
            measured.append(Product(model, f"isthmus{label}"))
    measured.sort(key=lambda system: chosen.index(system.name.split(" ")[0]))
    evaluation = Evaluation(measured, tasks)
    about = {"data": data.name, "encoder": ", ".join(names), "queries": sum(len(task.queries) for task in tasks)}
    if save:
        evaluation.save(save, about)
    if as_json:
        print_json({**about, **evaluation.as_dict()})
        return
    for direction in evaluation.directions:
        columns, rows = evaluation.table(direction)
        table = Table(*columns, title=f"{direction}, R@1")
        for row in rows:
            table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row))
        out.print(table)
    if save:
        err.print(f"Runs, results.json, plots and report.html are in {save}", markup=False)


def _listed(text: str, known: tuple[str, ...], what: str) -> list[str]:
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    if unknown := [part for part in chosen if part not in known]:
        raise IsthmusError(f"{unknown[0]!r} is none of the {what}: {', '.join(known)}.")
    if not chosen:
        raise IsthmusError(f"Name at least one of the {what}: {', '.join(known)}.")
    return chosen

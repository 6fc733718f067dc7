"""The command `isthmus eval retrieval`."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.settings import Settings, load_settings
from ui.cli.choices import parse_choices
from ui.cli.terminal import Json, err, out, plain_cells, print_json

if TYPE_CHECKING:
    from rag.generation.rewriting import RewriteMode
    from retriever.evaluation import System
    from retriever.models.encoder import Encoder
    from retriever.search.rerankers import Reranker
    from retriever.store.ports import TokenStore

app = typer.Typer()

SYSTEMS = ("dense", "bm25", "hybrid", "isthmus", "translated", "expanded", "generator")


@app.command("retrieval")
def eval_retrieval(
    data: Annotated[Path, typer.Option(help="XQuAD-style folder, Tatoeba-style TSV, labelled TSVs, or BEIR folder.")],
    systems: Annotated[
        str,
        typer.Option(
            help="dense, bm25, hybrid (both), isthmus (hybrid and the re-ranker that is set); and with the generator: "
            "translated or expanded (rewritten queries), generator (re-ranks)."
        ),
    ] = "dense,isthmus",
    encoder: Annotated[
        list[str] | None, typer.Option(help="Encoder to measure, may be repeated; default: the one that is set.")
    ] = None,
    languages: Annotated[str | None, typer.Option(help="Measure only these, e.g. ro,hi,th.")] = None,
    directions: Annotated[
        str, typer.Option(help="Languages of query and passage: L-en, L-L, en-L, mixed (parallel data only).")
    ] = "L-en",
    save: Annotated[Path | None, typer.Option("--out", help="Folder for runs, JSON, plots and HTML.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how often queries in each language find the right passage. Systems are compared with the first one."""
    from rich.table import Column, Table

    from rag.build import build_encoder
    from retriever.evaluation import Evaluation, format_cell, read_tasks
    from retriever.evaluation.tasks import DIRECTIONS

    system_names = parse_choices(systems, SYSTEMS, "systems")
    tasks = read_tasks(
        data,
        [language.strip() for language in languages.split(",")] if languages else None,
        parse_choices(directions, DIRECTIONS, "directions"),
    )
    settings = load_settings()
    encoder_names = encoder or [settings.encoder]
    encoders = {name: build_encoder(settings.model_copy(update={"encoder": name})) for name in encoder_names}
    builders = _system_builders(settings)
    evaluation = Evaluation(
        [
            builders[system](model, f"{system} ({Path(name).name})" if len(encoders) > 1 else system)
            for system in system_names
            for name, model in encoders.items()
        ],
        tasks,
    )
    about = {
        "data": data.name,
        "encoder": ", ".join(encoder_names),
        "queries": sum(len(task.queries) for task in tasks),
    }
    if save:
        evaluation.save(save, about)
    if as_json:
        print_json({**about, **evaluation.as_dict()})
        return
    for direction in evaluation.directions:
        columns, rows = evaluation.table(direction)
        # One row a language: a terminal is wide enough for a few systems, but not for forty languages.
        headers = plain_cells(f"{direction}, R@1", *(str(row[0]) for row in rows))
        table = Table(*(Column(header) for header in headers))
        for name, *values in list(zip(columns, *rows, strict=True))[1:]:
            table.add_row(*plain_cells(name, *(format_cell(value, name) for value in values)))
        out.print(table)
    if save:
        err.print(f"Runs, results.json, plots and report.html are in {save}", markup=False)


def _system_builders(settings: Settings) -> "dict[str, Callable[[Encoder, str], System]]":
    """For each of SYSTEMS a function that builds it from an encoder and a name."""
    from rag.build import build_engine, build_reranker
    from rag.generation.reranking import GeneratorReranker
    from rag.generation.rewriting import QueryRewriter
    from retriever.evaluation import BM25Search, DenseSearch, HybridSearch, no_reranker

    engine = functools.cache(lambda: build_engine(settings))

    def configured_reranker(tokens: "TokenStore | None") -> "Reranker | None":
        return build_reranker(settings, tokens, engine)

    def with_rewriter(mode: "RewriteMode") -> "Callable[[Encoder, str], System]":
        rewriter = QueryRewriter(engine, settings.cache, mode)
        return lambda encoder, name: HybridSearch(encoder, name, rewrites=[rewriter], reranker=configured_reranker)

    return {
        "dense": DenseSearch,
        "bm25": lambda _, name: BM25Search(name),
        "hybrid": lambda encoder, name: HybridSearch(encoder, name, reranker=no_reranker, keep_tokens=False),
        "isthmus": lambda encoder, name: HybridSearch(encoder, name, reranker=configured_reranker),
        "translated": with_rewriter("translate"),
        "expanded": with_rewriter("expand"),
        "generator": lambda encoder, name: HybridSearch(
            encoder, name, reranker=lambda _: GeneratorReranker(engine), keep_tokens=False
        ),
    }

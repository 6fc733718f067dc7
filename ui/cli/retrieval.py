"""The command `isthmus eval retrieval`."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.settings import Settings, load_settings
from ui.cli.choices import parse_choices
from ui.cli.terminal import Json, err, out, print_json

if TYPE_CHECKING:
    from rag.generation.rewriting import RewriteMode
    from retriever.evaluation import System
    from retriever.models.encoder import Encoder
    from retriever.search.rerankers import Reranker
    from retriever.store.token_vectors import TokenVectorStore

app = typer.Typer()

SYSTEMS = ("dense", "bm25", "hybrid", "isthmus", "translated", "expanded", "generator")


@app.command("retrieval")
def eval_retrieval(
    data: Annotated[Path, typer.Option(help="XQuAD-style folder, Tatoeba-style TSV, labelled TSVs, or BEIR folder.")],
    systems: Annotated[
        str,
        typer.Option(
            help="dense, bm25, hybrid (both), isthmus (hybrid, re-ranked as set), and isthmus with the generator: "
            "translated, expanded, generator (re-ranks)."
        ),
    ] = "dense,isthmus",
    encoder: Annotated[list[str] | None, typer.Option(help="Encoders to measure; default: the one set.")] = None,
    languages: Annotated[str | None, typer.Option(help="Only these, e.g. ro,hi,th.")] = None,
    directions: Annotated[str, typer.Option(help="Of parallel data: L-en, L-L, en-L, mixed.")] = "L-en",
    save: Annotated[Path | None, typer.Option("--out", help="Folder for runs, JSON, plots and HTML.")] = None,
    as_json: Json = False,
) -> None:
    """How well does each language find the right passages? Others are compared with the first system, paired."""
    from rich.table import Table

    from rag.build import build_encoder
    from retriever.evaluation import Evaluation, format_cell, read_tasks

    chosen = parse_choices(systems, SYSTEMS, "systems")
    tasks = read_tasks(
        data,
        [language.strip() for language in languages.split(",")] if languages else None,
        parse_choices(directions, ("L-en", "L-L", "en-L", "mixed"), "directions"),
    )
    settings = load_settings()
    names = encoder or [settings.encoder]
    models = {name: build_encoder(settings.model_copy(update={"encoder": name})) for name in names}
    build = _systems(settings)
    measured = [
        build[system](model, f"{system} ({Path(name).name})" if len(models) > 1 else system)
        for system in chosen
        for name, model in models.items()
    ]
    evaluation = Evaluation(measured, tasks)
    about = {"data": data.name, "encoder": ", ".join(names), "queries": sum(len(task.queries) for task in tasks)}
    if save:
        evaluation.save(save, about)
    if as_json:
        print_json({**about, **evaluation.as_dict()})
        return
    for direction in evaluation.directions:
        columns, rows = evaluation.table(direction)
        # Languages downwards: a terminal has room for a few systems, not for forty languages.
        table = Table(f"{direction}, R@1", *(str(row[0]) for row in rows))
        for name, *values in list(zip(columns, *rows, strict=True))[1:]:
            table.add_row(name, *(format_cell(value) for value in values))
        out.print(table)
    if save:
        err.print(f"Runs, results.json, plots and report.html are in {save}", markup=False)


def _systems(settings: Settings) -> "dict[str, Callable[[Encoder, str], System]]":
    """How to build each of SYSTEMS of an encoder and a name."""
    from rag.build import build_engine, build_reranker
    from rag.generation.reranking import GeneratorReranker
    from rag.generation.rewriting import QueryRewriter
    from retriever.evaluation import BM25Search, DenseSearch, HybridSearch, no_reranker

    engine = functools.cache(lambda: build_engine(settings))

    def as_set(tokens: "TokenVectorStore | None") -> "Reranker | None":
        return build_reranker(settings, tokens, engine)

    def rewritten(mode: "RewriteMode") -> "Callable[[Encoder, str], System]":
        rewriter = QueryRewriter(engine, settings.cache, mode)
        return lambda encoder, name: HybridSearch(encoder, name, rewrites=[rewriter], reranker=as_set)

    return {
        "dense": DenseSearch,
        "bm25": lambda _, name: BM25Search(name),
        "hybrid": lambda encoder, name: HybridSearch(encoder, name, reranker=no_reranker, keep_tokens=False),
        "isthmus": lambda encoder, name: HybridSearch(encoder, name, reranker=as_set),
        "translated": rewritten("translate"),
        "expanded": rewritten("expand"),
        "generator": lambda encoder, name: HybridSearch(
            encoder, name, reranker=lambda _: GeneratorReranker(engine), keep_tokens=False
        ),
    }

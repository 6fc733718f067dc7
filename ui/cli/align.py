"""The commands `isthmus align` and `isthmus questions`, which makes training data for it."""

import contextlib
import functools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from rag.settings import load_settings
from retriever.errors import IsthmusError
from ui.cli.choices import check_choice, parse_choices
from ui.cli.terminal import Json, err, out, print_json

if TYPE_CHECKING:
    from retriever.alignment.methods.clitssa import Clitssa
    from retriever.alignment.recipe import Recipe
    from retriever.models.encoder import Encoder

app = typer.Typer()


@app.command()
def questions(
    paths: Annotated[
        list[Path], typer.Argument(help="English documents (files or folders), or the files of a knowledge base.")
    ],
    languages: Annotated[str, typer.Option(help="Languages to translate the questions into, e.g. ro,hi.")],
    save: Annotated[Path, typer.Option("--out", help="Folder for the data; an interrupted run continues from it.")],
    count: Annotated[
        int, typer.Option(min=1, help="Number of passages to write questions about, or of queries to translate.")
    ] = 200,
    knowledge_base: Annotated[
        bool,
        typer.Option(
            "--knowledge-base", help="The files are labelled queries: TSV or JSON lines with query and label."
        ),
    ] = False,
    seed: int = 1,
    as_json: Json = False,
) -> None:
    """Let the generator write questions about your documents in several languages, as training data for `align`."""
    from prompts import languages as prompt_languages
    from rag.build import build_encoder, build_engine
    from rag.documents.ingest import read_passages
    from rag.generation.synthesis import write_queries, write_questions
    from retriever.data.labelled import read_labelled

    settings = load_settings()
    language_codes = parse_choices(languages, tuple(prompt_languages()), "languages")
    if knowledge_base:
        write = functools.partial(write_queries, [row for path in paths for row in read_labelled(path)])
    else:
        write = functools.partial(
            write_questions, [passage for path in paths for passage in read_passages(path, settings)]
        )
    with contextlib.closing(build_engine(settings)) as engine:
        counts = write(language_codes, engine, build_encoder(settings), save, count=count, seed=seed)
    if as_json:
        print_json(counts)
        return
    for language, number in counts.items():
        out.print(f"{number} in {language}: {save}", markup=False)


@app.command()
def align(
    data: Annotated[
        list[Path],
        typer.Option(help="Parallel SQuAD folder, pairs TSV(s), labelled TSVs, or (clitssa) TempReason; repeat."),
    ],
    save: Annotated[Path, typer.Option("--out", help="Folder of the new encoder; training resumes from it.")],
    method: Annotated[
        str,
        typer.Option(help="late, distill, clear, clear-distill, mnrl, weighted, offset, lira or clitssa."),
    ] = "distill",
    languages: Annotated[str | None, typer.Option(help="Train on these alone, e.g. ro,hi.")] = None,
    base: Annotated[str, typer.Option(help="The encoder to start from: base, a folder or a hub id.")] = "base",
    steps: Annotated[int, typer.Option(min=1)] = 200,
    batch: Annotated[int, typer.Option(min=2)] = 64,
    learning_rate: Annotated[float, typer.Option("--lr", min=0)] = 5e-5,
    negatives: Annotated[int, typer.Option(min=1, max=20, help="Hard negatives a row (clear, mnrl).")] = 5,
    alpha: Annotated[float, typer.Option(help="CLEAR: weight of the reverse term.")] = 0.4,
    beta: Annotated[float, typer.Option(help="CLEAR: weight of the KL term.")] = 0.2,
    sampling: Annotated[str, typer.Option(help="weighted: mixed, random, hard or hardest negatives.")] = "mixed",
    mini_batch: Annotated[int | None, typer.Option(help="Embed so many texts at once (cached gradients).")] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            min=16, max=8192, help="Cut texts so, in training only; default: 512 for clear and mnrl, else 128."
        ),
    ] = None,
    query_side: Annotated[bool, typer.Option("--query-side", help="Leave passages, and indexes, as they are.")] = False,
    names: Annotated[bool, typer.Option("--names", help="distill: names of places and languages too.")] = False,
    train_words: Annotated[bool, typer.Option("--train-words", help="Train the word embeddings too.")] = False,
    adapters: Annotated[
        int | None, typer.Option(min=1, help="Train low-rank adapters (LoRA) of this rank alone.")
    ] = None,
    queue: Annotated[int, typer.Option(min=0, help="lira (use --lr 1e-3 --steps 400): its queue of rows.")] = 1024,
    tasks: Annotated[str, typer.Option(help="clitssa: train on these tasks.")] = "l1,l2,l3",
    test_articles: Annotated[int, typer.Option(min=1, help="Articles kept for the report.")] = 8,
    dev_articles: Annotated[int, typer.Option(min=0, help="Articles kept to choose weights by.")] = 2,
    seed: int = 1,
    reproduce: Annotated[
        str | None, typer.Option(help="default: the encoder Isthmus ships, from the folder of all data.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train an encoder that finds English passages from your languages, and report what it gained and lost."""
    from rag.build import build_encoder
    from retriever.alignment.default import default_plan
    from retriever.alignment.methods.clear import WHOLE_PASSAGE, Clear
    from retriever.alignment.methods.clitssa import Clitssa
    from retriever.alignment.methods.mnrl import MNRL
    from retriever.alignment.methods.registry import METHODS, build_method
    from retriever.alignment.methods.weighted import Sampling
    from retriever.alignment.plan import Plan
    from retriever.alignment.recipe import SHORT_TEXT, Recipe
    from retriever.alignment.run import align

    check_choice(method, tuple(METHODS), "methods")
    check_choice(sampling, get_args(Sampling), "ways to sample negatives")
    options = {
        "negatives": negatives,
        "alpha": alpha,
        "beta": beta,
        "sampling": sampling,
        "query_side": query_side,
        "names": names,
        "queue": queue,
    }
    aligner = build_method(method, options)
    recipe = Recipe(
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        mini_batch=mini_batch,
        max_tokens=max_tokens or (WHOLE_PASSAGE if isinstance(aligner, Clear | MNRL) else SHORT_TEXT),
        freeze_words=not train_words,
        seed=seed,
    )
    encoder = build_encoder(load_settings(encoder=base))
    if isinstance(aligner, Clitssa):
        report = _align_clitssa(aligner, data, save, recipe, languages or "ro,de,fr", tasks, encoder)
        _show_aligned(report, save, as_json)
        return
    plan = Plan(
        method=aligner,
        data=tuple(data),
        out=save,
        recipe=recipe,
        languages=tuple(languages.split(",")) if languages else (),
        adapters=adapters,
        test_articles=test_articles,
        dev_articles=dev_articles,
    )
    if reproduce not in (None, "default"):
        raise IsthmusError(f"{reproduce!r} cannot be reproduced; only default can.")
    if reproduce:
        plan = default_plan(data[0], save)
    _show_aligned(align(plan, encoder), save, as_json)


def _align_clitssa(
    method: "Clitssa", data: list[Path], save: Path, recipe: "Recipe", languages: str, tasks: str, base: "Encoder"
) -> dict[str, Any]:
    from retriever.alignment.run_clitssa import ClitssaPlan, align_clitssa
    from retriever.temporal import arithmetic
    from retriever.temporal.demonstrations import split_questions
    from retriever.temporal.questions import TaskName, read_questions

    codes = parse_choices(languages, arithmetic.languages(), "languages")
    task_names = cast(tuple[TaskName, ...], tuple(parse_choices(tasks, get_args(TaskName), "tasks")))
    plan = ClitssaPlan(
        method=replace(method, tasks=task_names),
        data=tuple(path.name for path in data),
        out=save,
        recipe=recipe,
        languages=tuple(codes),
    )
    questions = [question for path in data for question in read_questions(path)]
    return align_clitssa(plan, split_questions(questions, pool=1200, questions=300, seed=recipe.seed), base)


def _show_aligned(report: dict[str, Any], save: Path, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    out.print((save / "README.md").read_text(encoding="utf-8").split("---", 2)[2], markup=False)
    err.print(f"The encoder is in {save}; use it with ISTHMUS_ENCODER={save}", markup=False)

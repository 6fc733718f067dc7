"""The commands `isthmus ask`, `chat` and `search`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from rag.settings import load_settings
from rag.types import Answer, Turn
from retriever.errors import IsthmusError
from ui.cli.opening import open_collections
from ui.cli.terminal import (
    AsOfOption,
    CollectionOption,
    EndpointOption,
    GeneratorOption,
    Json,
    LanguageOption,
    LibraryOption,
    err,
    out,
    plain,
    print_json,
    terminal_languages,
)
from ui.state.types import LIBRARY

if TYPE_CHECKING:
    from rag.pipeline import RAG
    from ui.cli.remote import RemoteRAG

app = typer.Typer()


@contextmanager
def _open_rag(
    library: Path | None, collection: str, generator: str | None = None, endpoint: str | None = None
) -> "Iterator[RAG | RemoteRAG]":
    settings = load_settings(library=library, generator=generator, endpoint=endpoint)
    own_generator = generator is not None or endpoint is not None
    with (
        open_collections(settings, "the command line", own_generator=own_generator) as collections,
        collections.use(collection) as rag,
    ):
        yield rag


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in any language.")],
    language: LanguageOption = None,
    library: LibraryOption = None,
    collection: CollectionOption = LIBRARY,
    generator: GeneratorOption = None,
    endpoint: EndpointOption = None,
    as_of: AsOfOption = None,
    as_json: Json = False,
) -> None:
    """Answer a question and show the sources."""
    with _open_rag(library, collection, generator, endpoint) as rag:
        answers = rag.stream(question, language=language, likely_languages=terminal_languages(), as_of=as_of)
        _print(rag, _last(answers) if as_json else _show_stream(answers), as_json=as_json)


@app.command()
def chat(
    library: LibraryOption = None,
    collection: CollectionOption = LIBRARY,
    generator: GeneratorOption = None,
    endpoint: EndpointOption = None,
    as_json: Json = False,
) -> None:
    """Ask questions one after the other; follow-ups may refer to earlier ones. An empty line ends the chat."""
    history: list[Turn] = []
    with _open_rag(library, collection, generator, endpoint) as rag:
        while question := _read_question():
            try:
                answers = rag.stream(question, likely_languages=terminal_languages(), history=history)
                answer = _last(answers) if as_json else _show_stream(answers)
            except IsthmusError as error:
                err.print(f"isthmus: {error}", style="red", markup=False)
                continue
            _print(rag, answer, as_json=as_json)
            history += [Turn("user", question), Turn("assistant", answer.text)]


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="A query in any language.")],
    k: Annotated[int, typer.Option("--top", "-k", min=1, max=50, help="How many passages.")] = 5,
    library: LibraryOption = None,
    collection: CollectionOption = LIBRARY,
    as_of: AsOfOption = None,
    as_json: Json = False,
) -> None:
    """Show the passages that fit a query best."""
    with _open_rag(library, collection) as rag:
        hits = rag.search(query, k, as_of=as_of)
    if as_json:
        print_json([asdict(hit) for hit in hits])
        return
    for number, hit in enumerate(hits, start=1):
        passage = hit.passage
        page = f", p. {passage.page}" if passage.page else ""
        out.print(
            f"[{number}] {passage.title}{page}  ({passage.language}, {hit.score:.4f})", style="bold", markup=False
        )
        out.print(passage.text + "\n", markup=False)


def _read_question() -> str:
    """The next question; empty at the end of the input."""
    try:
        return input("? ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def _last(answers: Iterator[Answer]) -> Answer:
    """The finished answer of a stream."""
    *_, answer = answers
    return answer


def _show_stream(answers: Iterator[Answer]) -> Answer:
    """Show the growing answer if the output is a terminal, and return the finished one."""
    with out.status("…") as status:
        for answer in answers:
            status.update(Text(plain(answer.text) or "…"))
    return answer


def _print(rag: "RAG | RemoteRAG", answer: Answer, *, as_json: bool) -> None:
    """Print an answer; if there was nothing to find it in, say how to add documents."""
    if answer.abstained and not rag.documents():
        err.print(
            "isthmus: there is no document to answer from; add some with `isthmus add FILE_OR_FOLDER`.",
            style="yellow",
            markup=False,
        )
    if as_json:
        print_json(asdict(answer))
    else:
        _print_answer(answer)


def _print_answer(answer: Answer) -> None:
    out.print("\n" + answer.text, style="yellow" if answer.abstained else "bold", markup=False)
    if answer.doubts:
        out.print(f"(not found in the sources: {', '.join(answer.doubts)})", style="yellow", markup=False)
    for citation in answer.citations:
        passage = citation.passage
        page = f", p. {passage.page}" if passage.page else ""
        mark = f"[{citation.number}]" if citation.used else f"({citation.number})"
        out.print(f"{mark} {passage.title}{page}: “{citation.quote}”", style="dim", markup=False)
    out.print(f"{answer.generator}, {answer.timings.get('total', 0):.1f} s\n", style="dim", markup=False)

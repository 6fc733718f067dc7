"""The command `isthmus`: everything in `rag.cli`, `rag.cli_research` and `rag.cli_temporal`, and the page."""

import signal
from typing import Annotated

import typer

import rag.cli_research
import rag.cli_temporal  # noqa: F401 - both add their commands
from rag.cli import app, main
from rag.settings import load_settings

__all__ = ["main"]


@app.command()
def page(
    port: Annotated[int | None, typer.Option(help="Port of the page.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback by default.")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open a browser window.")] = False,
) -> None:
    """Open the chat in the browser."""
    from ui.app import launch

    # Asked to end by a supervisor, the page closes its library as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    launch(load_settings(port=port, host=host), open_browser=open_browser)

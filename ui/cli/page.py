"""The command `isthmus page`."""

import signal
from typing import Annotated

import typer

from rag.settings import load_settings

app = typer.Typer()


@app.command()
def page(
    port: Annotated[int | None, typer.Option(help="Port of the page.")] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; one that is not loopback needs the setting open_to_network."),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve the chat page, REST, the OpenAI protocol and MCP until Ctrl-C."""
    from ui.server.app import launch

    # SIGTERM, which supervisors send, closes the library as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    launch(load_settings(port=port, host=host), open_browser=open_browser)

"""The command `isthmus mcp`."""

import typer

from rag.settings import load_settings
from retriever.store.lock import read_holder
from ui.cli.opening import open_collections
from ui.cli.terminal import LibraryOption

app = typer.Typer()


@app.command()
def mcp(library: LibraryOption = None) -> None:
    """Speak the Model Context Protocol over standard input and output, for a program that starts this command."""
    from ui.server.address import Address
    from ui.server.mcp_tools import build

    settings = load_settings(library=library)
    address = Address(settings.host, settings.port)
    with open_collections(settings, "isthmus mcp") as collections:
        origin = settings.public_url or read_holder(settings.library).get("url") or address.url
        build(collections.use, origin).run()

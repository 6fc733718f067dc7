"""The commands `isthmus collections …`."""

from collections.abc import Callable
from typing import Annotated

import typer

from rag.settings import load_settings
from ui.cli.opening import open_collections
from ui.cli.terminal import Json, LibraryOption, out, print_rows
from ui.state.types import CollectionInfo

app = typer.Typer(help="Show, make, rename, empty and delete collections.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the collection.")]
HOLDER = "isthmus collections"


@app.command("list")
def list_(library: LibraryOption = None, as_json: Json = False) -> None:
    """Show the collections of the library."""
    with open_collections(load_settings(library=library), HOLDER) as collections:
        infos = collections.infos()
    columns: dict[str, Callable[[CollectionInfo], str]] = {
        "name": lambda info: info.name,
        "documents": lambda info: str(info.documents),
        "passages by language": lambda info: ", ".join(f"{code} {count}" for code, count in info.languages.items()),
        "owner": lambda info: info.owner,
        "readers": lambda info: ", ".join(info.readers),
        "own settings": lambda info: ", ".join(f"{key} = {value}" for key, value in info.settings.items()),
    }
    print_rows(infos, columns, as_json=as_json)


@app.command()
def create(name: Name, library: LibraryOption = None) -> None:
    """Make an empty collection."""
    with open_collections(load_settings(library=library), HOLDER) as collections:
        out.print(f"created {collections.create(name)}", markup=False)


@app.command()
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="Its new name.")],
    library: LibraryOption = None,
) -> None:
    """Give a collection another name."""
    with open_collections(load_settings(library=library), HOLDER) as collections:
        out.print(f"renamed {name} to {collections.rename(name, new_name)}", markup=False)


@app.command()
def share(
    name: Name,
    readers: Annotated[
        list[str] | None, typer.Argument(help="Who sees it: everyone, user:NAME, group:NAME; nobody if left out.")
    ] = None,
    library: LibraryOption = None,
) -> None:
    """Say who sees a collection, once the server asks for a login. Its owner and administrators do in any case."""
    with open_collections(load_settings(library=library), HOLDER) as collections:
        collections.share(name, readers or [])
    out.print(f"shared {name} with {', '.join(readers or ['nobody'])}", markup=False)


@app.command()
def empty(name: Name, library: LibraryOption = None) -> None:
    """Delete every document of a collection."""
    with open_collections(load_settings(library=library), HOLDER) as collections:
        collections.empty(name)
    out.print(f"emptied {name}", markup=False)


@app.command()
def delete(name: Name, library: LibraryOption = None) -> None:
    """Delete a collection with its documents, for good."""
    with open_collections(load_settings(library=library), HOLDER) as collections:
        collections.delete(name)
    out.print(f"deleted {name}", markup=False)

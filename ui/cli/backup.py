"""The commands `isthmus backup` and `restore`."""

from pathlib import Path
from typing import Annotated

import typer

from rag.settings import load_settings
from ui.cli.terminal import LibraryOption, out

app = typer.Typer()


@app.command()
def backup(
    archive: Annotated[Path, typer.Argument(help="File to write; an older one of that name is replaced.")],
    library: LibraryOption = None,
) -> None:
    """Back up the library with its collections and accounts, also while it is in use."""
    from ui.state.backup import back_up

    count = back_up(load_settings(library=library), archive.absolute())
    out.print(f"backed up {count} documents to {archive}", markup=False)


@app.command()
def restore(
    archive: Annotated[Path, typer.Argument(help="A file that `isthmus backup` wrote.")],
    library: LibraryOption = None,
) -> None:
    """Put a backup into a new or empty folder, checked. Vectors are made anew when the library is next opened."""
    from ui.state.backup import restore as put_back

    settings = load_settings(library=library)
    count = put_back(archive, settings)
    out.print(f"restored {count} documents to {settings.library}", markup=False)

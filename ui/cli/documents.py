"""The commands `isthmus add`, `list` and `remove`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rag.settings import load_settings
from ui.cli.terminal import Json, LibraryOption, err, out, plain, plain_cells, print_json

app = typer.Typer()


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with supported files.")],
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Add documents to the library."""
    from tqdm import tqdm

    from rag.documents.library import Library

    settings = load_settings(library=library)
    with Library(settings, holder="isthmus add") as open_library, tqdm(unit="file", disable=as_json or None) as bar:

        def progress(done: int, total: int, name: str) -> None:
            bar.total, bar.n = total, done
            bar.set_description(" ".join(plain(name).split())[:30], refresh=True)

        results = open_library.add(paths, progress)
    failures = [result for result in results if result.status == "failed"]
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        for result in failures:
            err.print(result.reason, style="red", markup=False)
        counts = {
            status: sum(r.status == status for r in results) for status in ("added", "replaced", "unchanged", "failed")
        }
        out.print(", ".join(f"{count} {status}" for status, count in counts.items()))
    if failures or not results:
        raise typer.Exit(2)


@app.command("list")
def list_(library: LibraryOption = None, as_json: Json = False) -> None:
    """Show the documents of the library."""
    from rich.table import Table

    from retriever.store.documents import list_documents

    documents = list_documents(load_settings(library=library).library)
    if as_json:
        print_json([asdict(document) for document in documents])
        return
    table = Table("id", "title", "language", "passages", "added", "source")
    for document in documents:
        cells = plain_cells(
            document.id,
            document.title,
            document.language,
            str(document.passages),
            document.added[:16],
            document.source,
        )
        table.add_row(*cells)
    out.print(table)


@app.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="Ids, paths, file names or titles.")],
    library: LibraryOption = None,
    as_json: Json = False,
) -> None:
    """Delete documents from the library."""
    from rag.documents.library import Library

    with Library(load_settings(library=library), holder="isthmus remove") as open_library:
        removed_documents = open_library.remove(names)
    if as_json:
        print_json([asdict(document) for document in removed_documents])
    else:
        for document in removed_documents:
            out.print(f"removed {document.title}", markup=False)

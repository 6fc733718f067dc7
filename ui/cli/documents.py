"""The commands `isthmus add`, `index`, `list` and `remove`."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.settings import load_settings
from retriever.types import Document
from ui.cli.opening import open_collections
from ui.cli.terminal import CollectionOption, Json, LibraryOption, err, out, plain, print_json, print_rows
from ui.state.access import OWNER
from ui.state.types import LIBRARY

if TYPE_CHECKING:
    from rag.types import Added

app = typer.Typer()


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with supported files.")],
    library: LibraryOption = None,
    collection: CollectionOption = LIBRARY,
    as_json: Json = False,
) -> None:
    """Add documents to the library."""
    with (
        open_collections(load_settings(library=library), "isthmus add") as collections,
        collections.use(collection) as rag,
        _progress_bar(disable=as_json) as progress,
    ):
        results = rag.add(*paths, progress=progress)
    _print_results(results, as_json=as_json)


@app.command()
def index(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with supported files.")],
    ray: Annotated[
        str, typer.Option(metavar="ADDRESS", help='Address of a Ray cluster; "local" starts Ray on this machine.')
    ] = "local",
    library: LibraryOption = None,
    collection: CollectionOption = LIBRARY,
    as_json: Json = False,
) -> None:
    """Add many documents at once, on all processors and GPUs of this machine or of a Ray cluster.

    The library becomes what `isthmus add` makes of it. Broken off, the same command goes on.
    """
    from rag.documents.bulk_indexing import index_files
    from ui.state.collections import Collections

    with (
        Collections(load_settings(library=library), holder="isthmus index") as collections,
        collections.of(OWNER).use(collection) as rag,
        _progress_bar(disable=as_json) as progress,
        redirect_stdout(io.StringIO()),  # Ray prints there what befalls its workers
    ):
        results = index_files(rag.library, paths, ray=ray, progress=progress)
    _print_results(results, as_json=as_json)


@contextmanager
def _progress_bar(*, disable: bool) -> Iterator[Callable[[int, int, str], None]]:
    """What draws a bar in a terminal, given the files done, the files in all, and the name of one."""
    from tqdm import tqdm

    with tqdm(unit="file", disable=disable or None) as bar:

        def progress(done: int, total: int, name: str) -> None:
            bar.total, bar.n = total, done
            bar.set_description(" ".join(plain(name).split())[:30], refresh=True)

        yield progress


def _print_results(results: "Sequence[Added]", *, as_json: bool) -> None:
    """Print why files failed, and counts; end with exit code 2 if one did, or there is none."""
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
def list_(library: LibraryOption = None, collection: CollectionOption = LIBRARY, as_json: Json = False) -> None:
    """Show the documents of the library."""
    from retriever.store.opening import list_documents

    settings = load_settings(library=library)
    if collection == LIBRARY:  # needs neither encoder nor vectors, nor the server
        documents = list_documents(settings.library, settings.documents_address)
    else:
        with open_collections(settings, "isthmus list") as collections, collections.use(collection) as rag:
            documents = rag.documents()
    columns: dict[str, Callable[[Document], str]] = {
        "id": lambda document: document.id,
        "title": lambda document: document.title,
        "language": lambda document: document.language,
        "passages": lambda document: str(document.passages),
        "added": lambda document: document.added[:16],
        "source": lambda document: document.source,
    }
    print_rows(documents, columns, as_json=as_json)


@app.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="Ids, paths, file names or titles.")],
    library: LibraryOption = None,
    collection: CollectionOption = LIBRARY,
    as_json: Json = False,
) -> None:
    """Delete documents from the library."""
    settings = load_settings(library=library)
    with open_collections(settings, "isthmus remove") as collections, collections.use(collection) as rag:
        removed_documents = rag.remove(*names)
    if as_json:
        print_json([asdict(document) for document in removed_documents])
    else:
        for document in removed_documents:
            out.print(f"removed {document.title}", markup=False)

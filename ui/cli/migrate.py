"""The command `isthmus migrate`."""

from typing import Annotated, Literal

import typer

from rag.settings import Settings, load_settings
from retriever.errors import IsthmusError
from ui.cli.terminal import LibraryOption, out

app = typer.Typer()


@app.command()
def migrate(
    to: Annotated[
        Literal["qdrant", "folder"], typer.Option(help="Where the vectors shall live: a Qdrant server, or the folder.")
    ],
    url: Annotated[str | None, typer.Option(help="The Qdrant server to go to.")] = None,
    library: LibraryOption = None,
) -> None:
    """Copy the vectors of the library and its collections to another store, checked; the texts are not embedded again.

    A migration that was broken off is taken up. Set or unset qdrant_url afterwards, before the library is opened again.
    """
    settings = load_settings(library=library)
    if to == "qdrant":
        if not url:
            raise IsthmusError("Name the Qdrant server to go to with --url.")
        if url == settings.qdrant_url:
            raise IsthmusError("The vectors are on that server; qdrant_url names it.")
        target = load_settings(settings.model_copy(update={"chroma_url": None}), qdrant_url=url)
        next_step = f"Set qdrant_url to {url} now" + (", and unset chroma_url." if settings.chroma_url else ".")
    else:
        if not settings.qdrant_url:
            raise IsthmusError("The vectors are in no Qdrant server: set qdrant_url to the one that has them.")
        target = settings.model_copy(update={"qdrant_url": None})
        next_step = "Unset qdrant_url now."
    out.print(f"copied the vectors of {_migrate_all(settings, target)} passages, and checked them", markup=False)
    out.print(next_step, markup=False)


def _migrate_all(settings: Settings, target: Settings) -> int:
    """Migrate the library, which stays locked, and the collections in its folder; the number of passages."""
    from contextlib import ExitStack

    from rag.build import connect_qdrant
    from rag.documents.library import Library
    from retriever.store.documents import DOCUMENTS_FILE
    from retriever.store.migration import migrate_to_folder, migrate_to_qdrant

    count = 0
    with ExitStack() as opened:
        server = connect_qdrant(target)
        if server:
            opened.callback(server.close)
        first = opened.enter_context(Library(settings, holder="isthmus migrate"))
        libraries = [first]
        for file in sorted((settings.library / "collections").glob(f"*/{DOCUMENTS_FILE}")):
            own = settings.model_copy(update={"library": file.parent})
            libraries.append(opened.enter_context(Library(own, first.encoder, holder="isthmus migrate")))
        for each in libraries:
            if server:
                count += migrate_to_qdrant(each.collection, each.encoder, server)
            else:
                count += migrate_to_folder(each.collection, each.encoder)
    return count

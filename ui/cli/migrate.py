"""The command `isthmus migrate`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rag.settings import Settings, load_settings
from retriever.errors import IsthmusError
from ui.cli.terminal import LibraryOption, out

if TYPE_CHECKING:
    from rag.documents.library import Library

app = typer.Typer()


@app.command()
def migrate(
    to: Annotated[
        Literal["qdrant", "postgresql", "folder"],
        typer.Option(
            help="qdrant: vectors go to that server; postgresql: documents go to the database of documents_url; "
            "folder: what is there comes back, documents first."
        ),
    ],
    url: Annotated[str | None, typer.Option(help="The Qdrant server to go to.")] = None,
    library: LibraryOption = None,
) -> None:
    """Copy vectors or documents of the library and its collections to another store, checked.

    Nothing is embedded again. A migration that was broken off is taken up. The command says which setting to change
    afterwards, before the library is opened again.
    """
    settings = load_settings(library=library)
    if to == "qdrant":
        _vectors_to_qdrant(settings, url)
    elif to == "postgresql":
        _documents_to_postgresql(settings)
    elif settings.documents_url:
        _documents_to_folder(settings)
    else:
        _vectors_to_folder(settings)


def _vectors_to_qdrant(settings: Settings, url: str | None) -> None:
    if not url:
        raise IsthmusError("Name the Qdrant server to go to with --url.")
    if url == settings.qdrant_url:
        raise IsthmusError("The vectors are on that server; qdrant_url names it.")
    if settings.documents_url:
        raise IsthmusError("With documents_url, vectors stay on one Qdrant server; bring the documents back first.")
    _migrate_vectors(settings, load_settings(settings.model_copy(update={"chroma_url": None}), qdrant_url=url))
    _say(f"Set qdrant_url to {url} now" + (", and unset chroma_url." if settings.chroma_url else "."))


def _vectors_to_folder(settings: Settings) -> None:
    if not settings.qdrant_url:
        raise IsthmusError("The vectors are in no Qdrant server: set qdrant_url to the one that has them.")
    _migrate_vectors(settings, settings.model_copy(update={"qdrant_url": None}))
    _say("Unset qdrant_url now.")


def _documents_to_postgresql(settings: Settings) -> None:
    from retriever.store.document_migration import migrate_to_postgresql
    from retriever.store.opening import read_id

    if not (url := settings.documents_address):
        raise IsthmusError("Set documents_url (ISTHMUS_DOCUMENTS_URL) to the PostgreSQL database to go to.")
    count = 0
    with ExitStack() as opened:
        for each in _open_all(settings, opened):
            if not read_id(each.folder):
                count += migrate_to_postgresql(each.folder, each.collection.documents, url)
    _say(f"copied the documents of {count} passages, and checked them")


def _documents_to_folder(settings: Settings) -> None:
    from retriever.store.document_migration import migrate_to_file
    from retriever.store.shared_documents import SharedDocuments

    count = 0
    with ExitStack() as opened:
        for each in _open_all(settings, opened):
            if isinstance(documents := each.collection.documents, SharedDocuments):
                count += migrate_to_file(each.folder, documents)
    _say(f"copied the documents of {count} passages, and checked them")
    _say("Unset documents_url now.")


def _migrate_vectors(settings: Settings, target: Settings) -> None:
    from rag.build import connect_qdrant
    from retriever.store.migration import migrate_to_folder, migrate_to_qdrant

    count = 0
    with ExitStack() as opened:
        server = connect_qdrant(target)
        if server:
            opened.callback(server.close)
        for each in _open_all(settings, opened):
            if server:
                count += migrate_to_qdrant(each.collection, each.encoder, server)
            else:
                count += migrate_to_folder(each.collection, each.encoder)
    _say(f"copied the vectors of {count} passages, and checked them")


def _open_all(settings: Settings, opened: ExitStack) -> "list[Library]":
    """The library, which stays locked, and the collections in its folder; each with its documents where they are."""
    from rag.documents.library import Library
    from retriever.store.opening import has_documents, read_id

    def open_one(folder: Path, first: "Library | None" = None) -> "Library":
        changes: dict[str, object] = {"library": folder}
        if has_documents(folder) and not read_id(folder):
            changes["documents_url"] = None
        own = settings.model_copy(update=changes)
        encoder = first.encoder if first else None
        return opened.enter_context(Library(own, encoder, holder="isthmus migrate", alone=True))

    library = open_one(settings.library)
    folders = sorted(path for path in (settings.library / "collections").glob("*") if has_documents(path))
    return [library, *(open_one(folder, library) for folder in folders)]


def _say(text: str) -> None:
    out.print(text, markup=False)

"""Opening a library's documents: the file in its folder, or the PostgreSQL database that `documents_url` names.

The file `documents.id` in the folder says that they are in PostgreSQL, and under which id. A file of documents beside
it is an old copy.
"""

import uuid
from contextlib import closing
from pathlib import Path

from filelock import FileLock, Timeout

from retriever.errors import IsthmusError, LibraryBusyError
from retriever.store.documents import DOCUMENTS_FILE, DocumentDatabase, sqlite_documents
from retriever.store.files import write_file
from retriever.store.postgresql import CONNECT_SECONDS, cause_of, open_postgresql, place
from retriever.store.shared_documents import SharedDocuments
from retriever.types import Document

ID_FILE = "documents.id"


def open_documents(folder: Path, url: str | None = None) -> DocumentDatabase:
    """The documents of the library in a folder, made if there are none; in PostgreSQL, if `url` names a database.

    Raises IsthmusError if they are elsewhere or damaged, or the database cannot be used.
    """
    if url is not None:
        return open_shared_documents(folder, url)
    if read_id(folder):
        raise IsthmusError(
            f"The documents of {folder} are in PostgreSQL: set documents_url to the database that has them."
        )
    return sqlite_documents(folder)


def open_shared_documents(folder: Path, url: str) -> SharedDocuments:
    """The documents of the library in a folder, made in PostgreSQL if there are none; see `open_documents`."""
    if known := read_id(folder):
        return open_postgresql_documents(url, known, must_exist=True)
    try:
        with FileLock(folder / "library.lock", timeout=CONNECT_SECONDS):  # processes that begin at once make one
            return _begin_documents(folder, url)
    except Timeout as error:
        raise LibraryBusyError(f"Another process opens the library {folder} for the first time; try again.") from error


def _begin_documents(folder: Path, url: str) -> SharedDocuments:
    if known := read_id(folder):
        return open_postgresql_documents(url, known, must_exist=True)
    if (folder / DOCUMENTS_FILE).exists():
        raise IsthmusError(
            f"The documents of {folder} are in its own file; run `isthmus migrate --to postgresql`, or unset "
            "documents_url."
        )
    documents = open_postgresql_documents(url, uuid.uuid4().hex)
    try:
        write_file(folder / ID_FILE, documents.library_id)
    except BaseException:
        documents.close()
        raise
    return documents


def open_postgresql_documents(url: str, library_id: str, *, must_exist: bool = False) -> SharedDocuments:
    """The documents of the library with this id. Raises IsthmusError if the database has none and must, or fails."""
    database = open_postgresql(url, library_id)
    try:
        if must_exist and not database.has_tables():
            raise IsthmusError(
                f"The PostgreSQL database at {place(database.url)}, which documents_url names, does not have this "
                f"library's documents; name the one that has. To begin anew, delete {ID_FILE} in the library's folder."
            )
        return SharedDocuments(database, library_id)
    except (IsthmusError, KeyboardInterrupt):
        database.close()
        raise
    except Exception as error:  # psycopg's, which may be missing
        database.close()
        raise IsthmusError(
            f"The PostgreSQL database at {place(database.url)}, which documents_url names, cannot be used "
            f"({cause_of(error, database.url)}); check the setting and the rights of its user."
        ) from error


def read_id(folder: Path) -> str | None:
    """The id under which PostgreSQL has the documents of the library in a folder; None if they are in its file."""
    file = folder / ID_FILE
    return file.read_text(encoding="ascii").strip() if file.exists() else None


def has_documents(folder: Path) -> bool:
    """Whether a library was ever made in a folder."""
    return (folder / DOCUMENTS_FILE).exists() or read_id(folder) is not None


def list_documents(folder: Path, url: str | None = None) -> list[Document]:
    """The documents of a library, whichever process has it open; opens neither encoder nor vectors."""
    if not has_documents(folder):
        return []
    with closing(open_documents(folder, url)) as documents:
        return documents.documents()


def delete_documents(folder: Path, url: str | None) -> None:
    """Delete the documents of the library in a folder from PostgreSQL, if they are there; may be done again.

    Raises IsthmusError if they are there and `url` does not name the database, or the server does not answer.
    """
    if library_id := read_id(folder):
        if url is None:
            raise IsthmusError(f"The documents of {folder} are in PostgreSQL: set documents_url, to delete them there.")
        with closing(open_postgresql(url, library_id)) as database:
            database.drop()

"""Back up a library with its collections and accounts while it is in use, and put it back.

A backup is a tar archive of the databases, which hold the truth, and a manifest. What is made from them (vectors, token
vectors, words) is left out, and made anew when the restored library is first opened. Rows of PostgreSQL go into it as a
file of SQLite, and from such a file into PostgreSQL: a backup of one can be restored into the other.
"""

import hashlib
import io
import json
import re
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from rag.settings import Settings, load_settings
from retriever.errors import IsthmusError
from retriever.store.documents import DOCUMENTS_FILE
from retriever.store.files import private, sync, sync_tree
from retriever.store.opening import read_id
from ui.state.opening import FILE_NAME, copy_rows, open_database, open_sqlite

MANIFEST = "manifest.json"
VERSION = 1
NAMES = re.compile(rf"(collections/[0-9a-f]{{32}}/)?{re.escape(DOCUMENTS_FILE)}|{re.escape(FILE_NAME)}")
"""The files of a backup; an archive with others is none."""
MAX_MANIFEST = 10_000_000
"""Bytes."""


def back_up(settings: Settings, archive: Path) -> int:
    """Write a backup of a library and its state; returns its number of documents. Other processes may write meanwhile.

    Raises IsthmusError if there is no library, its database cannot be read, or the archive cannot be written.
    """
    library = settings.library
    if settings.documents_url or any(map(read_id, (library, *library.glob("collections/*")))):
        raise IsthmusError("The documents are in PostgreSQL (documents_url); back that database up with its own tools.")
    if not (library / DOCUMENTS_FILE).exists():
        raise IsthmusError(f"There is no library in {library}; name its folder with --library.")
    draft = archive.with_name(archive.name + ".draft")
    try:
        with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
            files = _copy_databases(settings, Path(scratch))
            described = {name: _described(file) for name, file in files.items()}
            with open(draft, "wb", opener=private) as file, tarfile.open(fileobj=file, mode="w") as tar:
                text = json.dumps({"version": VERSION, "files": described}).encode()
                entry = tarfile.TarInfo(MANIFEST)
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text))
                for name, copy in files.items():
                    tar.add(copy, name)
        sync(draft)
        draft.replace(archive)
        sync(archive.parent)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        draft.unlink(missing_ok=True)
        raise IsthmusError(
            f"The backup cannot be written to {archive} ({error}); check the disk and the path."
        ) from error
    return sum(file["documents"] for file in described.values())


def restore(archive: Path, settings: Settings) -> int:
    """Put a backup into the library's folder, which must be new or empty; returns its number of documents.

    So must be the PostgreSQL database, if `state_url` names one. The library is there whole, or not at all. Raises
    IsthmusError if the archive is damaged or no backup.
    """
    library = settings.library
    if settings.documents_url:
        raise IsthmusError(
            "Unset documents_url, restore, and then move the documents to PostgreSQL: isthmus migrate --to postgresql."
        )
    if library.exists() and any(library.iterdir()):
        raise IsthmusError(f"{library} is not empty; restore into a new folder with --library, or move it away.")
    library.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{library.name}-", dir=library.parent))
    try:
        with tarfile.open(archive, "r:") as tar:
            described = _extract(tar, draft)
        for name, expected in described.items():
            if _described(draft / name) != expected:
                raise IsthmusError(f"{archive} is damaged: {name} is not as it was backed up; take another backup.")
        if settings.state_url:
            open_database(load_settings(settings, library=draft)).dispose()  # takes over what the archive holds
        sync_tree(draft)
        if library.exists():
            library.rmdir()
        draft.rename(library)
        sync(library.parent)
    except (tarfile.TarError, ValueError, KeyError, TypeError, sqlite3.Error, EOFError) as error:
        raise IsthmusError(f"{archive} is no whole backup ({error}); take another.") from error
    except OSError as error:
        raise IsthmusError(f"The backup {archive} cannot be restored ({error}); check path and disk.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sum(file["documents"] for file in described.values())


def _copy_databases(settings: Settings, scratch: Path) -> dict[str, Path]:
    """Consistent copies of the databases, by their place in the library; the accounts first, then what they name."""
    library = settings.library
    copies: dict[str, Path] = {}
    if settings.state_url:
        copies[FILE_NAME] = scratch / FILE_NAME
        _copy_rows(settings, copies[FILE_NAME])
    sources = (library / FILE_NAME, library / DOCUMENTS_FILE, *library.glob(f"collections/*/{DOCUMENTS_FILE}"))
    for source in sources:
        name = str(source.relative_to(library))
        if source.exists() and name not in copies:
            copy = scratch / str(len(copies))
            with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(copy)) as target:
                original.backup(target)
            copies[name] = copy
    return copies


def _copy_rows(settings: Settings, copy: Path) -> None:
    """Copy the rows of the PostgreSQL database, as they are at one moment, into a file of SQLite."""
    source, target = open_database(settings), open_sqlite(copy)
    try:
        with source.connect() as connection, target.begin() as copied:
            copy_rows(connection.execution_options(isolation_level="REPEATABLE READ"), copied)
    finally:
        source.dispose()
        target.dispose()


def _extract(tar: tarfile.TarFile, folder: Path) -> dict[str, Any]:
    """Unpack what the manifest names; returns what it says of each file."""
    head = tar.next()
    if head is None or head.name != MANIFEST or not head.isfile() or head.size > MAX_MANIFEST:
        raise ValueError("it has no manifest")
    manifest = json.load(tar.extractfile(head) or io.BytesIO())
    if manifest["version"] != VERSION:
        raise ValueError(f"it is of version {manifest['version']}")
    described: dict[str, Any] = manifest["files"]
    for name in described:
        if not NAMES.fullmatch(name):
            raise ValueError(f"it holds {name!r}")
        member = tar.getmember(name)
        content = tar.extractfile(member) if member.isfile() else None
        if content is None:
            raise ValueError(f"{name} is no file")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            shutil.copyfileobj(content, file)
    return described


def _described(file: Path) -> dict[str, Any]:
    """Its SHA-256, and how many documents and passages it holds. Raises sqlite3.Error if it is damaged."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    counts = {"documents": 0, "passages": 0}
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        ((state,),) = database.execute("PRAGMA integrity_check(1)")
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in counts.keys() & tables:
            ((counts[table],),) = database.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
    return {"sha256": digest, **counts}

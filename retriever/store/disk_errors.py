"""What a full or failing disk, damaged files and a lost server mean for the user."""

import errno
import shutil
import sqlite3
from pathlib import Path

from retriever.errors import IsthmusError, StoreServerError
from retriever.store.files import make_folder

FULL_BYTES = 100_000
"""With less space than this an error is put down to a full disk: SQLite cannot always tell."""


def storage_error(error: Exception, name: str, folder: Path) -> IsthmusError:
    """One sentence for a disk that is full or fails while the document `name` is added to the library in `folder`."""
    fault, remedy = _fault(error, folder, "The library could not be written")
    return IsthmusError(
        f"{fault}: {Path(name).name} was not added, what came before it is kept; {remedy} and add it again."
    )


def removal_error(error: Exception, folder: Path) -> IsthmusError:
    """One sentence for a disk that is full or fails before documents are removed."""
    fault, remedy = _fault(error, folder, "The library could not be written")
    return IsthmusError(f"{fault}: nothing was removed; {remedy} and remove it again.")


def refresh_error(error: Exception, folder: Path) -> IsthmusError:
    """One sentence for a disk that is full or fails once documents are written or removed."""
    fault, remedy = _fault(error, folder, "The vectors could not be read")
    return IsthmusError(f"{fault}: the documents are as they should be; {remedy}.")


def opening_error(error: Exception, folder: Path) -> IsthmusError:
    """One sentence for a library that a full or failing disk, or a damaged list of documents, keeps closed."""
    if isinstance(error, sqlite3.Error) and is_damaged(error):
        return IsthmusError(
            f"The list of documents in {folder} is damaged ({error}): put back a copy of that folder, or delete it and "
            "add the documents again."
        )
    fault, remedy = _fault(error, folder, "The library could not be read")
    return IsthmusError(f"{fault}: the library cannot be opened, nothing is lost; {remedy}.")


def closing_error(error: Exception, folder: Path) -> IsthmusError:
    """One sentence for a disk that is full or fails while a library is closed."""
    fault, remedy = _fault(error, folder, "The library could not be closed cleanly")
    return IsthmusError(f"{fault}: nothing is lost, but the next start checks the vectors; {remedy}.")


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file itself is damaged or none of its files."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_sound(path: Path) -> bool:
    """Whether an SQLite file is none, or can be read from end to end."""
    if not path.exists():
        return True
    database = sqlite3.connect(path)
    try:
        return bool(database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError as error:
        if not is_damaged(error):
            raise
        return False
    finally:
        database.close()


def make_library_folder(folder: Path) -> None:
    """Make the library's folder. Raises IsthmusError if that is not possible."""
    try:
        make_folder(folder)
    except OSError as error:
        raise IsthmusError(
            f"The library folder {folder} cannot be made ({error}); set another with library."
        ) from error


def _fault(error: Exception, folder: Path, otherwise: str) -> tuple[str, str]:
    """What has happened, and what to do about it."""
    if isinstance(error, StoreServerError):
        return error.fault, error.remedy
    is_full = getattr(error, "errno", None) == errno.ENOSPC or "full" in str(error) or "No space" in str(error)
    if is_full or shutil.disk_usage(folder).free < FULL_BYTES:
        return "The disk is full", f"free some space at {folder}"
    return f"{otherwise} ({error})", f"check the disk at {folder}"

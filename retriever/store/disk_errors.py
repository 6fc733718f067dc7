"""What a full or failing disk means for the user."""

import errno
import sqlite3
from pathlib import Path

from chromadb.errors import ChromaError

from retriever.errors import IsthmusError

STORAGE_ERRORS = (sqlite3.OperationalError, ChromaError, OSError)
"""What the stores raise when the disk is full or fails."""


def storage_error(error: Exception, name: str, folder: Path) -> IsthmusError:
    """One sentence for a disk that is full or fails while the document `name` is added to the library in `folder`."""
    full = getattr(error, "errno", None) == errno.ENOSPC or "full" in str(error) or "No space" in str(error)
    fault = "The disk is full" if full else f"The library could not be written ({error})"
    remedy = "free some space" if full else "check the disk"
    return IsthmusError(
        f"{fault}: {Path(name).name} was not added, what came before it is kept; {remedy} at {folder} and add it again."
    )


def make_library_folder(folder: Path) -> None:
    """Make the library's folder. Raises IsthmusError if that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IsthmusError(
            f"The library folder {folder} cannot be made ({error}); set another with library."
        ) from error

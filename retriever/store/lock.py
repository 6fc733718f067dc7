"""A library is open in one process at a time; the lock says which."""

import json
import logging
import os
from pathlib import Path

from filelock import FileLock, Timeout

from retriever.errors import LibraryBusyError
from retriever.store.files import write_file

logger = logging.getLogger(__name__)


def acquire(folder: Path, holder: str, url: str | None = None) -> FileLock:
    """Lock the library in this folder; `holder` names this process for others, `url` says where it takes requests.

    Any thread may release the lock. Raises LibraryBusyError.
    """
    lock = FileLock(folder / "library.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        other = read_holder(folder)
        raise LibraryBusyError(
            f"The library {folder} is in use by {other.get('what', 'another process')} "
            f"(process {other.get('pid', '?')}); use it there, or stop it first."
        ) from error
    try:
        note = {"what": holder, "pid": str(os.getpid())} | ({"url": url} if url else {})
        write_file(folder / "holder.json", json.dumps(note))
    except OSError as error:  # the note only names this process to others
        logger.warning("%s could not be written (%s); other processes cannot say who holds the library.", folder, error)
    return lock


def read_holder(folder: Path) -> dict[str, str]:
    """Which process has the library open: {"what": …, "pid": …}, of a server also its "url"; empty if none has."""
    lock = FileLock(folder / "library.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _read_note(folder / "holder.json")
    lock.release()
    return {}


def _read_note(path: Path) -> dict[str, str]:
    """What the holder noted; "another process" where there is no such note or it is damaged."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return {"what": str(note["what"]), "pid": str(note["pid"])} | (
            {"url": str(note["url"])} if "url" in note else {}
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {"what": "another process", "pid": "?"}

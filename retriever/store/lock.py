"""A library is open in one process at a time; the lock says which."""

import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from retriever.errors import LibraryBusyError


def acquire(folder: Path, holder: str) -> FileLock:
    """Lock the library in this folder; `holder` names this process for others. Raises LibraryBusyError."""
    lock = FileLock(folder / "library.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        other = read_holder(folder)
        raise LibraryBusyError(
            f"The library {folder} is in use by {other.get('what', 'another process')} "
            f"(process {other.get('pid', '?')}); use it there, or stop it first."
        ) from error
    (folder / "holder.json").write_text(json.dumps({"what": holder, "pid": str(os.getpid())}), encoding="utf-8")
    return lock


def read_holder(folder: Path) -> dict[str, str]:
    """Which process has the library open: {"what": …, "pid": …}; empty if none has."""
    lock = FileLock(folder / "library.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        try:
            holder: dict[str, str] = json.loads((folder / "holder.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it is being written at this moment, or never was
            return {"what": "another process", "pid": "?"}
        return holder
    lock.release()
    return {}

"""A library has one holder at a time, and says who it is."""

import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from retriever.errors import IsthmusError


class LibraryBusyError(IsthmusError):
    """Another process holds the library."""


def take(folder: Path, what: str) -> FileLock:
    """Hold the library in this folder, as `what`, until the lock is released. Raises LibraryBusyError."""
    lock = FileLock(folder / "library.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        holder = holder_of(folder)
        raise LibraryBusyError(
            f"The library {folder} is in use by {holder.get('what', 'another process')} "
            f"(process {holder.get('pid', '?')}); use it there, or stop it first."
        ) from error
    (folder / "holder.json").write_text(json.dumps({"what": what, "pid": str(os.getpid())}), encoding="utf-8")
    return lock


def holder_of(folder: Path) -> dict[str, str]:
    """Who holds the library in this folder: {"what": …, "pid": …}; empty if nobody does."""
    lock = FileLock(folder / "library.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        try:
            holder: dict[str, str] = json.loads((folder / "holder.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it is just being written, or its owner was never able to
            return {"what": "another process", "pid": "?"}
        return holder
    lock.release()
    return {}

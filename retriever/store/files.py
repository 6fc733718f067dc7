"""Files that outlast a power cut, and seals that tell a damaged file."""

import hashlib
import json
import os
from pathlib import Path
from typing import Literal

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
Record = tuple[int, int, str]
"""Size, time of the last change in nanoseconds, and SHA-256 of a file."""


def boot_id() -> str:
    """What tells this start of the machine from every other; empty where the system does not say (only Linux does)."""
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else ""


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """`sync` for a folder and whatever is in it."""
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, which are there after a power cut; one that is there already is left alone."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in made:
        sync(path.parent)


def private(path: str, flags: int) -> int:
    """Open a file that only this account reads, for the `opener` of `open`."""
    return os.open(path, flags, 0o600)


def write_file(path: Path, text: str) -> None:
    """Write a file, which is there with its whole content or, after a kill or a power cut, as it was before."""
    draft = path.with_name(path.name + ".draft")
    try:
        draft.write_text(text, encoding="utf-8")
        sync(draft)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync(path.parent)


class Seal:
    """A note of what a file or the files of a folder are like, to tell later whether they are damaged.

    A file whose size and time are as noted counts as whole; otherwise its content decides.
    """

    def __init__(self, path: Path, target: Path) -> None:
        self._path = path
        self._target = target
        self._records: dict[str, Record] = {}

    def state(self) -> Literal["whole", "broken", "unknown"]:
        """Whether all files are as noted; unknown where there is no note that can be read."""
        try:
            noted = json.loads(self._path.read_text(encoding="utf-8"))
            self._records = {name: (int(size), int(time), str(digest)) for name, (size, time, digest) in noted.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return "unknown"
        if not self._records:
            return "unknown"
        return "whole" if all(self._is_whole(name, record) for name, record in self._records.items()) else "broken"

    def write(self) -> None:
        """Note what the files are like now."""
        self._records = {self._name(file): self._record(file) for file in self._files()}
        write_file(self._path, json.dumps(self._records))

    def remove(self) -> None:
        """Delete the note, before the files change."""
        self._path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        files = [self._target] if self._target.is_file() else sorted(self._target.rglob("*"))
        return [file for file in files if file.is_file() and file != self._path]

    def _name(self, file: Path) -> str:
        return str(file.relative_to(self._target))  # of the file itself it is "."

    def _is_whole(self, name: str, record: Record) -> bool:
        file = self._target / name
        return file.is_file() and self._record(file)[2] == record[2]

    def _record(self, file: Path) -> Record:
        status = file.stat()
        known = self._records.get(self._name(file))
        if known and known[:2] == (status.st_size, status.st_mtime_ns):
            return known
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        return status.st_size, status.st_mtime_ns, digest

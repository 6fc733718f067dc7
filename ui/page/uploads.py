"""The folder of uploaded files: only this user reads it, and files stay no longer than they are needed."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from retriever.errors import IsthmusError

MAX_AGE = 24 * 3600
"""Seconds until a file that nobody took in is deleted."""


class Uploads:
    """The folder and, beside it, `jobs`, where accepted files wait for their turn; both hold at most `max_bytes`."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.jobs = folder.with_name("jobs")
        self.max_bytes = max_bytes

    def has_room_for(self, size: int) -> bool:
        """Whether an upload of that size fits; files that nobody took in for a day are deleted first."""
        oldest = time.time() - MAX_AGE
        total = 0
        for file in (*self.folder.rglob("*"), *self.jobs.rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # taken in meanwhile
                status = file.lstat()
                if file.is_dir():
                    continue
                if status.st_mtime < oldest and file.is_relative_to(self.folder):
                    file.unlink()
                else:
                    total += status.st_size
        return total + size <= self.max_bytes

    def remove(self, files: Iterable[Path]) -> None:
        """Delete uploaded files and the folders that they leave empty."""
        for file in files:
            file.unlink(missing_ok=True)
            if file.parent != self.folder:
                with contextlib.suppress(OSError):  # another upload of the same content is in the folder
                    file.parent.rmdir()


@contextlib.contextmanager
def open_uploads(folder: Path, max_bytes: int) -> Iterator[Uploads]:
    """The uploads in a folder that is empty at first, and goes away at the end. Gradio stores its files there.

    Raises IsthmusError if the folder cannot be made.
    """
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise IsthmusError(f"The folder for uploads cannot be made ({error}); check the disk at {folder}.") from error
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    try:
        yield Uploads(folder, max_bytes)
    finally:
        del os.environ["GRADIO_TEMP_DIR"]
        if before is not None:
            os.environ["GRADIO_TEMP_DIR"] = before
        shutil.rmtree(folder)

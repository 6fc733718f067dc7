"""The folder of uploaded files: only this user reads it, and files stay no longer than they are needed."""

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from retriever.errors import IsthmusError

MAX_AGE = 24 * 3600
"""Seconds until a file that nobody took in is deleted."""


class Uploads:
    """The folder and `jobs`, where accepted files wait for their turn; both hold at most `max_bytes`."""

    def __init__(self, folder: Path, jobs: Path, max_bytes: int) -> None:
        self.folder = folder
        self.jobs = jobs
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
    """The uploads of this process, in a new folder within `folder`, which goes away at the end. Gradio stores its files
    there. Folders that other processes left are deleted; accepted files wait in `jobs` beside `folder`.

    Raises IsthmusError if the folder cannot be made.
    """
    changing = FileLock(folder.with_name("uploads.lock"))
    own = folder / uuid.uuid4().hex
    in_use = FileLock(own / "lock", thread_local=False)
    try:
        with changing:
            folder.mkdir(mode=0o700, exist_ok=True)
            _delete_unused(folder)
            (own / "files").mkdir(mode=0o700, parents=True)
            in_use.acquire()
    except OSError as error:
        raise IsthmusError(f"The folder for uploads cannot be made ({error}); check the disk at {folder}.") from error
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(own / "files")
    try:
        yield Uploads(own / "files", folder.with_name("jobs"), max_bytes)
    finally:
        del os.environ["GRADIO_TEMP_DIR"]
        if before is not None:
            os.environ["GRADIO_TEMP_DIR"] = before
        in_use.release()
        with changing:
            shutil.rmtree(own, ignore_errors=True)
            with contextlib.suppress(OSError):  # other processes have theirs
                folder.rmdir()


def _delete_unused(folder: Path) -> None:
    """Delete whatever is in a folder, except the folders of living processes."""
    for path in folder.iterdir():
        if not path.is_dir():
            path.unlink()
        elif not (path / "lock").exists():
            shutil.rmtree(path)
        else:
            with contextlib.suppress(Timeout), FileLock(path / "lock", timeout=0):
                shutil.rmtree(path)

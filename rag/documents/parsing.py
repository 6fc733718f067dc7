"""A file becomes text blocks that know their page, in a process of its own.

A hostile file can hang its parser, fill memory or crash it. So `rag.documents.worker` reads files in another process,
which has limits on memory and time and is killed at the deadline. It is started once and reads many files.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, cast

from rag.documents.extraction import PARSERS, ParsedFile, clean_text
from rag.documents.formats.page import Page
from rag.documents.worker import LENGTH_BYTES
from rag.errors import UnreadableFileError
from retriever.errors import IsthmusError

__all__ = ["PARSERS", "Page", "ParsedFile", "clean_text", "parse", "printable"]

SECONDS = 7
"""Computing time for a file, and one more second for each megabyte."""
PATIENCE = 2
"""How many times as long the process may take by the clock, on a busy machine."""
MAX_KEPT_BYTES = 5_000_000
"""After a larger file the process is started anew: a process seldom gives memory back."""
_OUT_OF_TIME = -signal.SIGXCPU if sys.platform != "win32" else None
# Keys of the user are no business of the process that reads strangers' files.
_ENVIRONMENT = "PATH PYTHONHOME PYTHONPATH LD_LIBRARY_PATH LANG LC_ALL LC_CTYPE SYSTEMROOT TEMP TMP TMPDIR".split()


def parse(name: str, data: bytes) -> ParsedFile:
    """Read a file by its extension. Raises UnreadableFileError with the reason, also if it breaks a limit.

    >>> parse("notes.txt", b"Founded in 1088.")
    ParsedFile(title='notes', pages=(Page(number=None, text='Founded in 1088.'),))
    """
    name = printable(name)
    suffix = Path(name).suffix.lower()
    if suffix not in PARSERS:
        supported = " ".join(sorted(PARSERS))
        raise UnreadableFileError(f"{name}: files ending in {suffix!r} are not supported; supported are {supported}.")
    if not data.strip():
        raise UnreadableFileError(f"{name}: the file is empty.")
    return _process.parse(name, data)


def printable(name: str) -> str:
    r"""The name, with escapes for what is no text in it: a file's name may be any bytes.

    >>> printable("caf\udce9.txt")
    'caf\\udce9.txt'
    """
    return name.encode("utf-8", "backslashreplace").decode()


class ParsingProcess:
    """The process of `rag.documents.worker`; threads may share it, one file at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def parse(self, name: str, data: bytes) -> ParsedFile:
        """Read a file, of a supported extension. Raises UnreadableFileError with the reason."""
        with self._lock:
            reply = self._exchange(name, data)
        if "error" in reply:
            raise UnreadableFileError(str(reply["error"]))
        return ParsedFile(str(reply["title"]), tuple(Page(number, str(text)) for number, text in reply["pages"]))

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _exchange(self, name: str, data: bytes) -> dict[str, Any]:
        """Send a request and wait for its reply, at most until the deadline."""
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = _start()
        process = self._process
        seconds = SECONDS + len(data) // 1_000_000
        is_late = threading.Event()
        deadline = threading.Timer(seconds * PATIENCE, _stop, [process, is_late])
        deadline.start()
        content = None
        try:
            content = _send(process, {"name": name, "size": len(data), "seconds": seconds}, data)
        finally:
            deadline.cancel()
            deadline.join()
            if content is None or is_late.is_set() or len(content) + len(data) > MAX_KEPT_BYTES:
                self._end()
        if content is not None:
            return dict(json.loads(content))
        if is_late.is_set() or process.returncode == _OUT_OF_TIME:
            raise UnreadableFileError(f"{name}: reading it takes more than {seconds} seconds; split it.")
        raise UnreadableFileError(
            f"{name}: reading it broke off: it is damaged or needs too much memory; save it anew or split it."
        )

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _start() -> subprocess.Popen[bytes]:
    """Start the process and wait until it is ready. Raises IsthmusError if it does not start."""
    environment = {key: os.environ[key] for key in _ENVIRONMENT if key in os.environ}
    folders = [str(Path(__file__).parents[2]), environment.get("PYTHONPATH", "")]
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, folders)), "OPENBLAS_NUM_THREADS": "1"}
    try:
        process = subprocess.Popen(
            # -P: no module comes from the folder that the user stands in.
            [sys.executable, "-P", "-m", "rag.documents.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
    except OSError as error:
        raise IsthmusError(f"The process that reads files does not start ({error}).") from error
    if _receive(process) is None:
        process.communicate()
        raise IsthmusError(f"The process that reads files does not start (exit status {process.returncode}).")
    return process


def _stop(process: subprocess.Popen[bytes], is_late: threading.Event) -> None:
    is_late.set()
    process.kill()


def _send(process: subprocess.Popen[bytes], request: dict[str, Any], data: bytes) -> bytes | None:
    """The reply to a request; None if the process ended."""
    requests = cast(IO[bytes], process.stdin)
    try:
        requests.write(json.dumps(request).encode() + b"\n")
        requests.write(data)
        requests.flush()
    except BrokenPipeError:
        return None
    return _receive(process)


def _receive(process: subprocess.Popen[bytes]) -> bytes | None:
    """The content of the next reply; None if the process ended."""
    replies = cast(IO[bytes], process.stdout)
    length = replies.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    content = replies.read(int.from_bytes(length, "big"))
    return content if len(content) == int.from_bytes(length, "big") else None


_process = ParsingProcess()
atexit.register(_process.close)

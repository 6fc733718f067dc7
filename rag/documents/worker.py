"""The process that reads files, with limits on its memory and time: `python -m rag.documents.worker`.

A request is a line of JSON, {"name", "size", "seconds"}, and `size` bytes of data. A reply is eight bytes with its
length and then JSON: {"title", "pages": [[number, text]]} or {"error"}. The first reply is empty: the process is ready.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from rag.documents.extraction import extract
from rag.errors import UnreadableFileError

MAX_MEMORY_BYTES = 900_000_000
LENGTH_BYTES = 8


def main() -> None:
    """Answer requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    _set_up()
    _write(replies, {})
    for line in iter(sys.stdin.buffer.readline, b""):
        request = json.loads(line)
        data = sys.stdin.buffer.read(request["size"])
        _limit_time(request["seconds"])
        _write(replies, _reply(request["name"], data))


def _reply(name: str, data: bytes) -> Mapping[str, Any]:
    try:
        parsed = extract(name, data)
    except UnreadableFileError as error:
        return {"error": str(error)}
    return {"title": parsed.title, "pages": [[page.number, page.text] for page in parsed.pages]}


def _write(replies: Any, reply: Mapping[str, Any]) -> None:
    content = json.dumps(reply, ensure_ascii=False).encode("utf-8", "backslashreplace")
    replies.write(len(content).to_bytes(LENGTH_BYTES, "big") + content)
    replies.flush()


def _set_up() -> None:
    """Keep what a library prints out of the replies, leave Ctrl-C to the parent, and limit the memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        memory = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MAX_MEMORY_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _limit_time(seconds: int) -> None:
    """Let the system end this process after so many seconds of computing, or up to one more."""
    if sys.platform == "linux":
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime) + seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    main()

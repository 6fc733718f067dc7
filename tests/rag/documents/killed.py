"""A process that changes a library until it is killed, and what it says of its changes.

    python -m tests.rag.documents.killed FOLDER [several]

reads "KIND START" lines, and does each in a child: killed, it spares the next one the imports. With `several` other
processes change the same library, and servers may go.
"""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from rag.documents.library import Library
from rag.settings import Settings, load_settings
from retriever.errors import IsthmusError, NotFoundError
from retriever.languages.detection import detect_language
from retriever.store.opening import open_documents
from tests.rag.documents.numbered import HashEncoder, numbered_text

KINDS = ("add", "replace", "remove", "bulk", "reopen", "recovery")
Numbers = dict[str, int | None]
"""By the name of a document its number, or None if it is not there."""


def say(**words: object) -> None:
    os.write(1, (json.dumps(words) + "\n").encode())  # at once: a kill leaves no half of a line


def change(library: Library, numbers: Numbers, several: bool) -> None:
    say(begin=numbers)
    try:
        if texts := [(name, numbered_text(n)) for name, n in numbers.items() if n is not None]:
            library.add_texts(texts)
        if removed := [name for name, n in numbers.items() if n is None]:
            library.remove(removed)
    except NotFoundError:  # another process was quicker
        if not several:
            raise
    except IsthmusError as error:
        if not several:
            raise
        say(failed=str(error))
        time.sleep(0.05)
        return
    say(end=True)


def open_library(settings: Settings, several: bool) -> Library:
    while True:
        try:
            return Library(settings, HashEncoder())
        except IsthmusError:
            if not several:
                raise
            time.sleep(0.05)


def work(settings: Settings, kind: str, start: int, several: bool) -> None:
    say(pid=os.getpid())
    if kind in ("reopen", "recovery"):
        for cycle in itertools.count():
            if kind == "recovery":
                documents = open_documents(settings.library, settings.documents_address)
                documents.clean_shutdown = False
                documents.close()
            open_library(settings, several).close()
            if cycle == 0:
                say(opened=True)
    library = open_library(settings, several)
    say(opened=True)
    for n in itertools.count(start):
        if kind == "add":
            change(library, {f"new {n % 20}.txt": n}, several)
        elif kind == "replace":
            change(library, {f"old {n % 3}.txt": n}, several)
        elif kind == "bulk":
            change(library, {f"many {i}.txt": n * 100 + i for i in range(12)}, several)
        else:
            change(library, {f"gone {n % 4}.txt": n}, several)
            change(library, {f"gone {n % 4}.txt": None}, several)


def main(folder: str, *options: str) -> None:
    import scipy.cluster.hierarchy  # noqa: F401  # imported here, not by each round: it would take longer than that has

    detect_language(numbered_text(1))  # its models, too, are loaded here
    settings = load_settings(library=Path(folder))
    for line in sys.stdin:
        kind, start = line.split()
        if child := os.fork():
            os.waitpid(child, 0)
            say(dead=True)
        else:
            work(settings, kind, int(start), "several" in options)


@contextlib.contextmanager
def started(place: Settings, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The process over the library of these settings."""
    addresses = {"ISTHMUS_QDRANT_URL": place.qdrant_url, "ISTHMUS_DOCUMENTS_URL": place.documents_address}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.rag.documents.killed", str(place.library), *options],
        env={**os.environ, **{key: value for key, value in addresses.items() if value}},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        cwd=Path(__file__).parents[3],
    ) as worker:
        yield worker
        if worker.stdin:
            worker.stdin.close()


def read_changes(worker: subprocess.Popen[str]) -> tuple[Numbers, Mapping[str, set[int | None]]]:
    """The changes that a killed process had made, and by name those that it may have made: it was killed meanwhile, or
    was told that they failed.
    """
    done: Numbers = {}
    open_: dict[str, set[int | None]] = {}
    pending: Numbers = {}
    assert worker.stdout
    for line in worker.stdout:
        message = json.loads(line)
        if "end" in message:
            done |= pending
            for name in pending:
                open_.pop(name, None)
        elif "begin" not in message:
            for name, number in pending.items():
                open_.setdefault(name, set()).add(number)
        if "dead" in message:
            break
        pending = message.get("begin", {})
    return done, open_


if __name__ == "__main__":
    main(*sys.argv[1:])

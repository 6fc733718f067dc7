"""How much the server adds to an answer, and how it holds under many users.

`python -m benchmarks.server [--questions 200] [--embedded 50]`

`isthmus page` runs in a process of its own over the 62 sample articles. Its generator is a server of this process that
replies at once, so that what is measured is Isthmus: search, checks, HTTP. One user asks the same questions in process
(`RAG.ask`) and over HTTP; then 1, 10 and 50 users ask at once over REST and over OpenAI's chat completions. Seconds are
seen by the client; those of a stage are the server's own, and "outside" is the rest: the queue, HTTP and the
client. With `--embedded N`, N real questions in many languages are asked at once of a server with the embedded engine:
none may fail, and each waits its turn.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.openai_handler import OpenAIHandler
from benchmarks.report import publish
from rag.documents.sample import add_sample, questions
from rag.pipeline import RAG
from rag.settings import load_settings

STAGES = ("understand", "retrieve", "read", "generate", "check")
COLUMNS = ("way in", "users", "questions", "failed", "a second", "whole", *STAGES, "outside", "server GiB")
USERS = (1, 10, 50)
REPLY = "The passages say so [1]."


class InstantGenerator(OpenAIHandler):
    """Speaks the OpenAI protocol, and replies at once with the same words."""

    def answer(self, request: dict[str, Any]) -> None:
        """Stream the reply."""
        choice = {"index": 0, "delta": {"content": REPLY}, "finish_reason": None}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        self.send(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream")


@contextlib.contextmanager
def running_generator() -> Iterator[dict[str, str]]:
    """A generator that replies at once; yields the settings that name it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), InstantGenerator)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"generator": "endpoint", "endpoint": f"http://127.0.0.1:{server.server_port}/v1"}
    finally:
        server.shutdown()


@dataclass(frozen=True, slots=True)
class Reply:
    """One question's end: seconds until it, as the client saw them, and the server's by stage (None if it failed)."""

    seconds: float
    timings: Mapping[str, float] | None

    def milliseconds(self, stage: str) -> float:
        """How long a stage took, "whole" as the client saw it, "outside" less all that the server was at work."""
        timings = self.timings or {}
        outside = self.seconds - timings.get("total", 0.0)
        return 1000 * {"whole": self.seconds, "outside": outside, **timings}.get(stage, 0.0)


@contextlib.contextmanager
def running_page(folder: Path, **settings: str) -> Iterator[tuple[str, int]]:
    """`isthmus page` over a library in this folder; yields its address and process id."""
    port = free_port()
    environment = {f"ISTHMUS_{key.upper()}": value for key, value in settings.items()}
    command = [sys.executable, "-c", "from ui.cli import main; main()", "page", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **environment, "ISTHMUS_LIBRARY": str(folder)}, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        while not is_ready(url):
            if process.poll() is not None:
                sys.exit((folder / "log").read_text())
            time.sleep(0.2)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(60)


def is_ready(url: str) -> bool:
    """Whether the server answers questions."""
    try:
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=120).status_code == 200
    except httpx.TransportError:
        return False


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def in_process(folder: Path, generator: Mapping[str, str], asked: Sequence[str]) -> list[Reply]:
    """One user of the Python API."""
    with RAG(load_settings(library=folder, **generator)) as rag:
        add_sample(rag.library)
        rag.ask(asked[0])
        replies = []
        for question in asked:
            start = time.perf_counter()
            answer = rag.ask(question)
            replies.append(Reply(time.perf_counter() - start, answer.timings if answer.text else None))
        return replies


def over_http(url: str, path: str, users: int, asked: Sequence[str]) -> tuple[list[Reply], float]:
    """So many users at once, each with a connection of his own; returns the replies and the seconds of all."""
    clients = [httpx.Client(base_url=url, trust_env=False, timeout=600) for _ in range(users)]

    def ask(number: int) -> Reply:
        question = asked[number]
        body: dict[str, object] = {"question": question}
        if path != "/v1/ask":
            body = {"model": "library", "messages": [{"role": "user", "content": question}]}
        start = time.perf_counter()
        response = clients[number % users].post(path, json=body)
        seconds = time.perf_counter() - start
        if response.is_error:
            return Reply(seconds, None)
        reply = response.json()
        return Reply(seconds, reply.get("isthmus", reply)["timings"])

    def one_user(user: int) -> list[Reply]:
        return [ask(number) for number in range(user, len(asked), users)]

    start = time.perf_counter()
    with ThreadPoolExecutor(users) as pool:
        replies = [reply for of_user in pool.map(one_user, range(users)) for reply in of_user]
    seconds = time.perf_counter() - start
    for client in clients:
        client.close()
    return replies, seconds


def row(way: str, users: int, replies: Sequence[Reply], seconds: float, memory: float | str) -> list[object]:
    """A line of the table; a stage is its p50 and p95 in milliseconds."""
    answered = [reply for reply in replies if reply.timings]
    stages = [
        "{:.1f} / {:.1f}".format(*np.percentile([reply.milliseconds(stage) for reply in answered], [50, 95]))
        for stage in ("whole", *STAGES, "outside")
    ]
    failed = sum(reply.timings is None for reply in replies)
    return [way, users, len(replies), failed, len(replies) / seconds, *stages, memory]


def median(replies: Sequence[Reply]) -> float:
    """The median answer's milliseconds, as the client saw them."""
    return float(np.median([reply.milliseconds("whole") for reply in replies]))


def peak_memory(pid: int) -> float:
    """The peak memory of a process in GiB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--embedded", type=int, default=50, metavar="N", help="real questions at once; 0: none")
    arguments = parser.parse_args()
    sample = [question.question for question in questions()]
    asked = [sample[number % len(sample)] for number in range(arguments.questions)]
    rows = []
    with tempfile.TemporaryDirectory() as scratch, running_generator() as generator:
        folder = Path(scratch, "library")
        called = in_process(folder, generator, asked)
        rows.append(row("RAG.ask, in process", 1, called, sum(reply.seconds for reply in called), ""))
        with running_page(folder, **generator) as (url, pid):
            over_http(url, "/v1/ask", 1, asked[:20])
            alone: list[Reply] = []
            for users in USERS:  # one user before crowds, which leave a larger process behind
                for path in ("/v1/ask", "/v1/chat/completions"):
                    replies, seconds = over_http(url, path, users, asked)
                    rows.append(row(path, users, replies, seconds, peak_memory(pid)))
                    alone = alone or replies  # one user over REST
            overhead = median(alone) - median(called)
        if arguments.embedded:
            with running_page(folder, generator="embedded") as (url, pid):
                many = [sample[number % len(sample)] for number in range(arguments.embedded)]
                replies, seconds = over_http(url, "/v1/ask", len(many), many)
                rows.append(row("/v1/ask, embedded 1.5B", len(many), replies, seconds, peak_memory(pid)))
    publish(
        "server",
        "The server beside calling RAG in process; stages are p50 / p95 in ms, “outside” is the queue, HTTP and the "
        f"client. One user's median answer over REST takes {overhead:+.1f} ms",
        COLUMNS,
        rows,
        data="the sample articles and their questions",
    )


if __name__ == "__main__":
    main()

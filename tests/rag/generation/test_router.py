"""Several generators behind the real vllm-router, which the extra `cluster` brings; small servers stand for vLLM."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from rag.errors import GeneratorOverloadError
from rag.generation.client import ChatClient
from tests.conftest import unused_port

ROUTER = shutil.which("vllm-router", path=str(Path(sys.executable).parent))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ROUTER is None, reason="vllm-router is not installed (pip install 'isthmus[cluster]')"),
]

WORKER = '''
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, mood = int(sys.argv[1]), sys.argv[2]


class Handler(BaseHTTPRequestHandler):
    """Answers with its port; `slow` begins the stream and thinks before the first word, `busy` refuses."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def head(self, status, kind, length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        name, value = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
        self.send_header(name, value)
        self.end_headers()

    def reply(self, body, status=200):
        body = json.dumps(body).encode()
        self.head(status, "application/json", len(body))
        self.wfile.write(body)

    def do_GET(self):
        self.reply({"object": "list", "data": [{"id": "small", "object": "model", "owned_by": "vllm"}]})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(request["messages"][0]["content"], flush=True)
        if mood == "busy":
            return self.reply({"error": {"message": "queue full", "code": 503}}, 503)
        answer = {"id": "1", "created": 1, "model": "small"}
        if not request.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": str(port)}, "finish_reason": "stop"}
            return self.reply({**answer, "object": "chat.completion", "choices": [choice]})
        self.head(200, "text/event-stream")
        if mood == "slow":
            time.sleep(3)
        choice = {"index": 0, "delta": {"content": str(port)}, "finish_reason": None}
        chunk = {**answer, "object": "chat.completion.chunk", "choices": [choice]}
        for event in (json.dumps(chunk), "[DONE]"):
            data = f"data: {event}\\n\\n".encode()
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(data), data))
        self.wfile.write(b"0\\r\\n\\r\\n")


ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
'''


@dataclass(frozen=True)
class Worker:
    """A server of its own process; its log has the questions."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def has_been_asked(self) -> bool:
        return bool(self.log.read_text())


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():  # the suite's time limit ends it
        time.sleep(0.05)


def answers_at(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/v1/models", trust_env=False).is_success
    except httpx2.HTTPError:
        return False


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def start(tmp_path):
    """Start two workers of a mood, and the router before them; returns a client of the router, and the workers."""
    with ExitStack() as stack:

        def run(name: str, *command: str) -> tuple[subprocess.Popen[bytes], Path]:
            log = tmp_path / f"{name}.log"
            return stack.enter_context(running(list(command), log)), log

        def start(mood: str) -> tuple[ChatClient, list[Worker]]:
            workers = []
            for port in (unused_port(), unused_port()):
                process, log = run(str(port), sys.executable, "-c", WORKER, str(port), mood)
                workers.append(Worker(port, log, process))
            for worker in workers:
                wait_until(lambda worker=worker: answers_at(worker.url))  # type: ignore[misc]
            port = unused_port()
            urls = [worker.url for worker in workers]
            options = ["--policy", "round_robin", "--port", str(port), "--prometheus-port", str(unused_port())]
            run("router", str(ROUTER), *options, "--worker-urls", *urls)
            wait_until(lambda: answers_at(f"http://127.0.0.1:{port}"))
            return ChatClient(f"http://127.0.0.1:{port}/v1", model=None, api_key="k", timeout=60), workers

        yield start


def ask(client: ChatClient) -> int:
    """The port of the worker that answers."""
    return int("".join(client.stream([{"role": "user", "content": "Who?"}], max_tokens=9)))


def test_questions_are_answered_while_one_of_two_generators_is_killed(start):
    client, (first, second) = start("quick")
    assert client.model == "small"
    assert {ask(client) for _ in range(4)} == {first.port, second.port}
    first.process.kill()
    assert {ask(client) for _ in range(10)} == {second.port}
    answer = client.answer([{"role": "user", "content": "Who?"}], max_tokens=9)
    assert answer.text == str(second.port)


def test_a_question_whose_generator_is_killed_before_the_first_word_is_asked_again(start):
    client, workers = start("slow")
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(ask(client)))
    asking.start()
    wait_until(lambda: any(worker.has_been_asked() for worker in workers))
    asked, other = sorted(workers, key=Worker.has_been_asked, reverse=True)
    asked.process.kill()
    asking.join()
    assert answers == [other.port]


def test_generators_that_refuse_are_overloaded(start):
    client, workers = start("busy")
    with pytest.raises(GeneratorOverloadError, match=r"is overloaded \(HTTP 503\)"):
        ask(client)
    assert all(worker.has_been_asked() for worker in workers)

"""Generators that are endless, silent, slow, malformed or not ours: one sentence, in bounded time and memory.

Each case runs in a process of its own, which is killed after SECONDS and may take MEGABYTES.
"""

import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from rag.build import build_engine
from rag.errors import GeneratorError
from rag.generation import vllm_server
from rag.generation.client import ChatClient, longest_answer, vllm_model_at
from rag.generation.connection import is_loopback
from rag.settings import load_settings
from retriever.address import shown_url
from tests.conftest import ROOT, unused_port

SECONDS, PATIENCE, MEGABYTES = 60, 20, 2000
PIECE = 'data: {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [%s]}\n\n'
ASK = [{"role": "user", "content": "?"}]
SSE = "text/event-stream"


def piece(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return (PIECE % json.dumps(choice)).encode()


def read_request(connection: socket.socket) -> bytes:
    request = b""
    while part := connection.recv(65536):
        request += part
        top, _, body = request.partition(b"\r\n\r\n")
        length = [int(line.split(b":")[1]) for line in top.lower().splitlines() if line.startswith(b"content-length")]
        if b"\r\n\r\n" in request and len(body) >= sum(length):
            break
    return request


@contextmanager
def listening(reply: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads each request and gives the connection to `reply`; yields its URL and the requests."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        def serve(connection: socket.socket) -> None:
            with connection:
                try:
                    requests.append(read_request(connection))
                    reply(connection)
                except OSError:
                    return  # the client went away

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1", requests
        server.shutdown(socket.SHUT_RDWR)


def head(kind: str = "application/json", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in {"Content-Type": kind, **headers}.items()]
    return ("\r\n".join(["HTTP/1.1 200 OK", "Connection: close", *lines]) + "\r\n\r\n").encode()


def sends(*parts: bytes, pause: float = 0, forever: bool = False) -> Callable[[socket.socket], None]:
    def reply(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        while forever:
            connection.sendall(parts[-1])
            time.sleep(pause)

    return reply


PROGRAM = """
import sys
from rag.errors import GeneratorError
from rag.generation.client import ChatClient

client = ChatClient(sys.argv[1], model="m", api_key="k", timeout=float(sys.argv[2]))
try:
    print("text", len("".join(client.stream([{"role": "user", "content": "?"}], max_tokens=16))))
except GeneratorError as error:
    print("error", error)
"""


def outcome(url: str, timeout: int) -> str:
    """What comes of a question to a server, which may take `timeout` seconds."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES * 10**6, MEGABYTES * 10**6))

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url, str(timeout)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=limit,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return line


SLOW = "error The generator at {url} took longer than 1 seconds"
BROKEN = "error The answer of the generator at {url} broke off or made no sense"
STRANGER = "error No generator answers at {url}"
NEVER_DONE = {
    "endless pings": sends(head(SSE), b": ping\n\n", pause=0.1, forever=True),
    "endless empty pieces": sends(head(SSE), piece(""), pause=0.1, forever=True),
    "silence before the head": sends(b"", pause=30),
    "silence after the head": sends(head(SSE), pause=30),
    "silence after a word": sends(head(SSE), piece("a "), b"", pause=0.7, forever=True),
    "a head in drops": sends(b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n", pause=0.2, forever=True),
    "text in drops": sends(head(SSE), b"d", pause=0.2, forever=True),
}
CASES = {
    "endless text": (sends(head(SSE), piece("bla "), forever=True), f"text {longest_answer(16)}"),
    "one endless word": (sends(head(SSE), piece("x" * 2_000_000)), f"text {longest_answer(16)}"),
    "an endless line": (sends(head(SSE), b"data: " + b"x" * 65536, b"x" * 65536, forever=True), BROKEN),
    "endless short lines": (sends(head(SSE), b"data: x\n" * 8192, forever=True), "error The "),
    "an endless reply that is no stream": (sends(head(), b"[" * 65536, forever=True), BROKEN),
    "an endless head": (sends(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 9999, forever=True), STRANGER),
    "no HTTP": (sends(b"SSH-2.0-OpenSSH_9.9\r\n"), STRANGER),
    "no reply": (sends(b""), STRANGER),
    "a compressed bomb": (
        sends(head(SSE, Content_Encoding="deflate"), zlib.compress(b"data: " + b"x" * 500_000_000)),
        BROKEN,
    ),
    "a nest": (sends(head(SSE), b"data: " + b"[" * 200_000 + b"\n\n"), BROKEN),
    "a number in place of text": (
        sends(head(SSE), (PIECE % '{"index": 0, "delta": {"content": 5}}').encode()),
        BROKEN,
    ),
    "a list in place of text": (
        sends(head(SSE), (PIECE % '{"index": 0, "delta": {"content": [["a"]]}}').encode()),
        BROKEN,
    ),
    "no delta": (sends(head(SSE), (PIECE % '{"index": 0}').encode()), BROKEN),
    "choices of no kind": (sends(head(SSE), (PIECE % '"abc"').encode()), BROKEN),
    "a number in place of a chunk": (sends(head(SSE), b"data: 5\n\n"), BROKEN),
    "bytes of no encoding": (sends(head(SSE), b"data: \xff\xfe\n\n"), BROKEN),
    "a page": (sends(head("text/html"), b"<html>"), "error "),
}


@pytest.mark.slow
@pytest.mark.parametrize("reply", NEVER_DONE.values(), ids=NEVER_DONE)
def test_a_generator_is_not_waited_for_beyond_its_time(reply):
    with listening(reply) as (url, _):
        assert outcome(url, timeout=1).startswith(SLOW.format(url=url))


@pytest.mark.slow
@pytest.mark.parametrize(("reply", "expected"), CASES.values(), ids=CASES)
def test_a_bad_generator_is_one_sentence(reply, expected):
    with listening(reply) as (url, _):
        assert outcome(url, timeout=PATIENCE).startswith(expected.format(url=url))


def overloaded(seconds: str) -> Callable[[socket.socket], None]:
    head = f"HTTP/1.1 503 Busy\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return sends(head.encode())


@pytest.mark.slow
@pytest.mark.parametrize("seconds", ["1", "3600", "-1", "inf", "nan", "Thu, 01 Jan 2099 00:00:00 GMT", "9" * 400])
def test_retries_end_with_the_deadline(seconds):
    """`outcome` is killed if Retry-After is obeyed."""
    with listening(overloaded(seconds)) as (url, requests):
        assert outcome(url, timeout=5).startswith(f"error The generator at {url} is overloaded (HTTP 503)")
    assert 1 <= len(requests) <= 4


@pytest.mark.slow
def test_a_silent_server_is_asked_once():
    with listening(sends(b"", pause=30)) as (url, requests):
        assert outcome(url, timeout=1).startswith(SLOW.format(url=url))
    assert len(requests) == 1


@pytest.fixture
def stranger(monkeypatch):
    """A proxy that the environment names; its requests."""
    with listening(sends(head(), b"{}")) as (url, requests):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            for spelling in (name, name.lower()):
                monkeypatch.setenv(spelling, url.removesuffix("/v1"))
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield requests


GOOD = sends(head(SSE), piece("Bine."), b"data: [DONE]\n\n")
MODELS = sends(head(), b'{"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "vllm"}]}')


def test_this_machine_is_reached_without_a_proxy(stranger):
    with listening(GOOD) as (url, requests):
        for address in (url, url.replace("127.0.0.1", "localhost")):
            client = ChatClient(address, model="m", api_key="k", timeout=5, retries=0)
            assert "".join(client.stream(ASK, max_tokens=16)) == "Bine."
    with listening(MODELS) as (url, _):
        assert vllm_model_at(url) == "m"
    assert len(requests) == 2
    assert not stranger


def test_others_are_reached_through_the_proxy(stranger):
    client = ChatClient("http://model.example/v1", model="m", api_key="k", timeout=5, retries=0)
    with pytest.raises(GeneratorError):
        list(client.stream(ASK, max_tokens=16))
    assert stranger[0].startswith(b"POST http://model.example/v1/chat/completions ")


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://me:s3cret@127.0.0.1:9", "http://[::1"])
def test_a_proxy_that_cannot_be_used(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    client = ChatClient("http://model.example/v1", model="m", api_key="k", timeout=5, retries=0)
    with pytest.raises(GeneratorError, match="The proxy that the environment names") as raised:
        list(client.stream(ASK, max_tokens=16))
    assert "s3cret" not in str(raised.value)


def test_nothing_of_the_environment_is_sent(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer s3cret\nX-Key: s3cret")
    with listening(GOOD) as (url, requests):
        client = ChatClient(url, model="m", api_key="mine", timeout=5, retries=0)
        list(client.stream(ASK, max_tokens=16))
    assert b"Bearer mine" in requests[0]
    assert b"s3cret" not in requests[0]


def test_a_local_vllm_gets_no_key():
    with listening(MODELS) as (url, requests):
        port = int(url.split(":")[2].removesuffix("/v1"))
        build_engine(load_settings(serve_port=port, api_key="s3cret"))
    assert len(requests) == 2
    assert b"s3cret" not in b"".join(requests)


def test_no_message_or_label_shows_a_password():
    url = f"http://me:s3cret@127.0.0.1:{unused_port()}/v1?key=s3cret"
    client = ChatClient(url, model="m", api_key="k", timeout=5, retries=0)
    with pytest.raises(GeneratorError, match="No generator answers") as raised:
        list(client.stream(ASK, max_tokens=16))
    assert "s3cret" not in f"{client.label} {raised.value}"


def test_a_message_of_the_server_does_not_repeat_the_key():
    body = json.dumps({"error": {"message": "bad\nkey s3cret " + "x" * 100_000}}).encode()
    reply = sends(b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body)
    with listening(reply) as (url, _):
        client = ChatClient(url, model="m", api_key="s3cret", timeout=5, retries=0)
        with pytest.raises(GeneratorError, match=r"did not accept the request: .*bad") as raised:
            list(client.stream(ASK, max_tokens=16))
    assert "s3cret" not in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"5",
        b"{}",
        b'{"data": []}',
        b'{"data": ["a"]}',
        b'{"data": [{"owned_by": "vllm"}]}',
        b"[" * 99_999,
        b"\xff",
    ],
)
def test_what_is_no_vllm_server(body):
    with listening(sends(head(), body)) as (url, _):
        assert vllm_model_at(url) is None
        with pytest.raises(GeneratorError):
            ChatClient(url, model=None, api_key="k", timeout=5, retries=0)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8000/v1", "http://a.localhost"]
)
def test_this_machine(url):
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1.example.org", "http://localhost.example", "http://127.0.0.1@a.example"]
)
def test_other_machines(url):
    assert not is_loopback(url)


def test_a_shown_url_has_no_secrets():
    assert shown_url("https://a:b@c@example.org/v1?key=1#2") == "https://example.org/v1"


def test_closing_ends_a_call_in_another_thread():
    with listening(sends(head(SSE), piece("a "), b"", pause=0.05, forever=True)) as (url, _):
        client = ChatClient(url, model="m", api_key="k", timeout=50, retries=0)
        pieces = client.stream(ASK, max_tokens=4000)
        assert next(pieces) == "a "
        threading.Timer(0.2, client.close).start()
        with pytest.raises(GeneratorError, match="was closed while it answered"):
            list(pieces)


def test_packages_that_are_fetched_later_are_pinned():
    assert all("==" in package for package in vllm_server.GPU_PACKAGES + vllm_server.CPU_PACKAGES)

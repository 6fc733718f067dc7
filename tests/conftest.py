"""What tests share: real models loaded once, a fake encoder, a scripted generator, no network beyond this machine."""

import contextlib
import hashlib
import ipaddress
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import regex
import uvicorn
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rag.documents.library import Library
from rag.errors import NoProbabilitiesError
from rag.generation.engine import Completion, Message
from rag.pipeline import RAG
from rag.settings import Settings, load_settings
from retriever.models.encoder import Encoder
from retriever.types import Vectors
from tests.postgresql import PostgreSQL, is_installed, running_postgresql
from ui.answering.answering import Answering
from ui.page.uploads import Uploads, open_uploads
from ui.server.address import Address
from ui.server.app import application
from ui.state.collections import Collections

# How long an example takes says nothing on a shared machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_configure() -> None:
    """Give each process of xdist a share of the processors of its own; two that share all slow each other down."""
    number, count = os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if number and sys.platform == "linux":
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, processors[int(number.removeprefix("gw")) :: count] or processors)


ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("ISTHMUS_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch):
    """A test that reaches beyond this machine fails."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"a test tried to reach {host}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch, tmp_path):
    """No isthmus.toml or ISTHMUS_* of the developer reaches a test; the model cache does."""
    for key in [
        key for key in os.environ if key.startswith("ISTHMUS_") and key not in ("ISTHMUS_CACHE", "ISTHMUS_DATA")
    ]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def cache() -> Path:
    return load_settings().cache


@pytest.fixture(scope="session")
def encoder(cache) -> Encoder:
    """The encoder people get: the aligned one."""
    return Encoder(cache=cache)


@pytest.fixture(scope="session")
def base_encoder(cache) -> Encoder:
    """The packaged encoder before alignment."""
    return Encoder("base", cache=cache)


class FakeEncoder:
    """A `TextEncoder` that costs nothing: texts are the nearer the more words they share, in whatever language."""

    name = "fake"
    dimensions = 64
    device = "cpu"
    query_prefix = ""
    passage_prefix = ""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """The same as `encode_passages`."""
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """The sum of the words' vectors, made a unit vector."""
        sums = [self._word_vectors(text).sum(axis=0) for text in texts]
        return np.array([total / np.linalg.norm(total) for total in sums], dtype=np.float32).reshape(len(texts), -1)

    def encode_passage_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """A token is a word."""
        return self.encode_passages(texts), [self._word_vectors(text) for text in texts]

    def encode_query(self, text: str, language: str, *, with_tokens: bool = True) -> tuple[Vectors, Vectors | None]:
        """The language changes nothing."""
        return self.encode_queries([text])[0], self._word_vectors(text) if with_tokens else None

    def _word_vectors(self, text: str) -> Vectors:
        """Unit vectors of the distinct words, (words, dimensions); of the empty word if there is none."""
        words = dict.fromkeys(regex.findall(r"[\p{L}\p{M}\p{N}]+", text.casefold())) or [""]
        seeds = [int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) for word in words]
        vectors = np.array([np.random.default_rng(seed).normal(size=self.dimensions) for seed in seeds])
        unit_vectors: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        return unit_vectors


@pytest.fixture(scope="session")
def fake_encoder() -> FakeEncoder:
    """An encoder for tests that need one but not its quality."""
    return FakeEncoder()


@pytest.fixture
def settings(tmp_path, cache) -> Settings:
    return load_settings(library=tmp_path / "library", cache=cache, sample=False)


@pytest.fixture
def library(settings, encoder) -> Iterator[Library]:
    with Library(settings, encoder) as opened:
        yield opened


@pytest.fixture
def fake_library(settings, fake_encoder) -> Iterator[Library]:
    """A library over the fake encoder."""
    with Library(settings, fake_encoder) as opened:
        yield opened


class ScriptedEngine:
    """An `Engine` that gives its replies in turn, and records the messages of each call in `asked`."""

    label = "scripted"
    evidence_tokens = 400
    small = False

    def __init__(self, *replies: str | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[list[Message]] = []
        self.closed_early = 0

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        reply = self._next_reply(messages)
        try:
            for word in reply.split(" "):
                yield word + " "
        except GeneratorExit:
            self.closed_early += 1
            raise

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        return self._next_reply([{"role": "user", "content": prompt}])

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Completion:
        """The next reply, without probabilities."""
        return Completion(self._next_reply(messages))

    def choice_logprobs(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """The next reply is the choice that is nearly certain."""
        reply = self._next_reply(messages)
        return [math.log(0.99) if choice == reply else math.log(0.01) for choice in choices]

    def text_logprob(self, messages: Sequence[Message], text: str) -> float:
        raise NoProbabilitiesError("A script tells no probabilities of a text.")

    def _next_reply(self, messages: Sequence[Message]) -> str:
        self.asked.append(list(messages))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self) -> None:
        pass


@pytest.fixture
def scripted():
    return ScriptedEngine


@pytest.fixture
def make_rag(settings, encoder):
    """A RAG over texts {name: text} with a scripted generator."""
    opened: list[RAG] = []

    def make(texts: dict[str, str], *replies: str | Exception, **changes: object) -> tuple[RAG, ScriptedEngine]:
        engine = ScriptedEngine(*replies)
        rag = RAG(settings.model_copy(update=changes), encoder=encoder, engine=engine)
        rag.library.add_texts(list(texts.items()))
        opened.append(rag)
        return rag, engine

    yield make
    for rag in opened:
        rag.close()


@pytest.fixture
def spans(monkeypatch):
    """The spans of OpenTelemetry so far, in the order in which they ended."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("rag.generation.tracing.tracer._real_tracer", provider.get_tracer("isthmus"), raising=False)
    return exporter.get_finished_spans


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the public data is not at {DATA} (set ISTHMUS_DATA)")
    return DATA


@pytest.fixture(scope="session")
def embedded(cache, tmp_path_factory):
    """The real embedded engine with the 1.5B model, in the runtime that is faster here; started once."""
    from rag.generation.embedded import open_embedded

    engine = open_embedded(load_settings(library=tmp_path_factory.mktemp("unused"), cache=cache))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def command(cache):
    """`isthmus ARGUMENTS` as a user runs it, in its own process: the command line and its environment."""

    def line(*arguments: str, **environment: str) -> dict[str, object]:
        return {
            "args": [sys.executable, "-c", "from ui.cli import main; main()", *arguments],
            "env": {**os.environ, "PYTHONPATH": str(ROOT), "ISTHMUS_CACHE": str(cache), **environment},
        }

    return line


@contextlib.contextmanager
def serving(collections: Collections, address: Address, max_uploads: int = 3_000_000) -> Iterator[Uploads]:
    """The server over these collections, while it takes requests; yields its uploads."""
    with (
        open_uploads(collections.library.settings.library / "uploads", max_uploads) as uploads,
        address.bind() as listener,
    ):
        app = application(collections, address, uploads, Answering(collections))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield uploads
        finally:
            server.should_exit = True
            thread.join()


def unused_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """PostgreSQL, started once; skips where it is not installed."""
    if not is_installed():
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with running_postgresql(unused_port()) as server:
        yield server


@pytest.fixture
def free_port() -> int:
    """A loopback port that nothing listens on."""
    return unused_port()


@contextlib.contextmanager
def running_chroma(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A Chroma server's process on a loopback port, once it listens; its data and its log are in the folder."""
    folder.mkdir(exist_ok=True)
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(folder), "--port", str(port)]
    environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=output, env=environment) as server,
    ):
        try:
            while b"server listening" not in log.read_bytes():
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            yield server
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def chroma_url(tmp_path_factory):
    """A Chroma server; started once."""
    port = unused_port()
    with running_chroma(tmp_path_factory.mktemp("chroma"), port):
        yield f"http://127.0.0.1:{port}"

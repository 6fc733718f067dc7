"""What tests share: real models loaded once, a scripted generator, and no network beyond this machine."""

import ipaddress
import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest

from rag.documents.library import Library
from rag.generation.engine import Message
from rag.pipeline import RAG
from rag.settings import Settings, load_settings
from retriever.models.encoder import Encoder

# How long an example takes says nothing on a shared machine.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

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


@pytest.fixture
def settings(tmp_path, cache) -> Settings:
    return load_settings(library=tmp_path / "library", cache=cache, sample=False)


@pytest.fixture
def library(settings, encoder) -> Iterator[Library]:
    with Library(settings, encoder) as opened:
        yield opened


class ScriptedEngine:
    """A generator that says what it is told to, and records what it was asked."""

    label = "scripted"
    evidence_tokens = 400
    small = False

    def __init__(self, *replies: str | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[list[Message]] = []
        self.closed_early = 0

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        self.asked.append(list(messages))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        try:
            for word in reply.split(" "):
                yield word + " "
        except GeneratorExit:
            self.closed_early += 1
            raise

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


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the public data is not at {DATA} (set ISTHMUS_DATA)")
    return DATA


@pytest.fixture(scope="session")
def embedded(cache, tmp_path_factory):
    """The real embedded engine with the 1.5B model, started once."""
    from rag.generation.embedded import EmbeddedEngine

    engine = EmbeddedEngine(load_settings(library=tmp_path_factory.mktemp("unused"), cache=cache))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def command(cache):
    """`isthmus ARGUMENTS` as a user runs it, a process of its own: the command line and its environment."""

    def line(*arguments: str, **environment: str) -> dict[str, object]:
        return {
            "args": [sys.executable, "-c", "from ui.cli import main; main()", *arguments],
            "env": {**os.environ, "PYTHONPATH": str(ROOT), "ISTHMUS_CACHE": str(cache), **environment},
        }

    return line


@pytest.fixture(scope="session")
def vllm_url(command, tmp_path_factory):
    """A real vLLM server on the processor with the 1.5B model, as `isthmus serve` runs it; started once."""
    folder = tmp_path_factory.mktemp("serve")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log"
    with log.open("wb") as words:
        served = subprocess.Popen(
            **command("serve", "--port", str(port), "--json"), stdout=subprocess.PIPE, stderr=words, cwd=folder
        )
    try:
        said = b"".join(served.stdout.readline() for _ in range(3))  # the endpoint, once it is healthy
        assert said, log.read_text()
        yield json.loads(said)["endpoint"]
    finally:
        served.terminate()
        ended = served.wait(120)
    assert ended == 0, log.read_text()
    assert "Stopped." in log.read_text()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0

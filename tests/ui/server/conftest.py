"""A server over the fake encoder and a generator that quotes, started once for all tests of its protocols."""

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import httpx
import pytest

from rag.errors import GeneratorError
from rag.generation.engine import Completion, Message
from rag.settings import load_settings
from tests.conftest import serving, unused_port
from ui.server.address import Address
from ui.state.collections import Collections

TEXTS = {
    "bridge.txt": "The Golden Gate Bridge was opened in 1937.",
    "tower.txt": "The Eiffel Tower is 330 metres tall.",
    "penicillin.txt": "Alexander Fleming discovered penicillin in 1928.",
}


class QuotingEngine:
    """An `Engine` that answers with the first source of the prompt, cited, whoever asks and however many at once."""

    label = "quoting"
    evidence_tokens = 400
    small = False

    def __init__(self) -> None:
        self.error: GeneratorError | None = None
        self.paused = threading.Event()
        self.paused.set()

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        self.paused.wait()
        if self.error:
            raise self.error
        prompt = messages[-1]["content"]
        yield next((text for text in TEXTS.values() if text in prompt), "The passages do not say") + " [1]"

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Completion:
        return Completion("".join(self.stream(messages, max_tokens=max_tokens)))

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        raise AssertionError

    def choice_logprobs(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        raise AssertionError

    def text_logprob(self, messages: Sequence[Message], text: str) -> float:
        raise AssertionError

    def close(self) -> None:
        pass


@dataclass
class Server:
    """A running server, as programs reach it."""

    url: str
    http: httpx.Client
    collections: Collections
    engine: QuotingEngine


@pytest.fixture(scope="module")
def server(tmp_path_factory, fake_encoder):
    settings = load_settings(library=tmp_path_factory.mktemp("server") / "library", sample=False, max_file_mb=1)
    engine = QuotingEngine()
    address = Address("127.0.0.1", unused_port())
    with (
        Collections(settings, encoder=fake_encoder, engine=engine, url=address.url) as collections,
        serving(collections, address),
        httpx.Client(base_url=address.url, trust_env=False, timeout=30) as http,
    ):
        collections.library.library.add_texts(list(TEXTS.items()))
        yield Server(address.url, http, collections, engine)

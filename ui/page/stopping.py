"""A generator that the user can stop."""

import contextlib
import threading
from collections.abc import Generator, Sequence

from rag.generation.engine import Completion, Engine, Message
from retriever.errors import IsthmusError


class StoppedError(IsthmusError):
    """The user stopped what asks the generator."""


class StoppableEngine:
    """An `Engine` that raises StoppedError at its next token, or its next call, once `stopped` is set."""

    def __init__(self, engine: Engine, stopped: threading.Event) -> None:
        self.engine = engine
        self.stopped = stopped
        self.label = engine.label
        self.evidence_tokens = engine.evidence_tokens
        self.small = engine.small

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        """The engine's answer piece by piece."""
        self._check()
        with contextlib.closing(self.engine.stream(messages, max_tokens=max_tokens)) as pieces:
            for piece in pieces:
                self._check()
                yield piece

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        """What the engine writes after a text."""
        self._check()
        return self.engine.complete(prompt, max_tokens=max_tokens)

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Completion:
        """The engine's whole answer."""
        self._check()
        return self.engine.answer(messages, max_tokens=max_tokens)

    def choice_logprobs(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """The engine's log-probabilities of the choices."""
        self._check()
        return self.engine.choice_logprobs(messages, choices)

    def text_logprob(self, messages: Sequence[Message], text: str) -> float:
        """The engine's log-probability of a text."""
        self._check()
        return self.engine.text_logprob(messages, text)

    def close(self) -> None:
        """Free what the engine holds."""
        self.engine.close()

    def _check(self) -> None:
        if self.stopped.is_set():
            raise StoppedError("The evaluation was stopped; start it again.")

"""What the pipeline needs of a generator: `Engine`, the protocol that every engine follows."""

import contextlib
from collections.abc import Generator, Sequence
from typing import Protocol

Message = dict[str, str]
"""A chat message: {"role": …, "content": …}."""


class Engine(Protocol):
    """A generator, wherever it runs."""

    label: str
    """For people: which model, where."""
    evidence_tokens: int
    """How many tokens of passages a prompt may hold."""
    small: bool
    """Whether the model is too small to follow rules on citing and abstaining; its prompt has none."""

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        """The answer piece by piece; closing the iterator cancels. Raises GeneratorError."""
        ...

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        """What the model writes after a text, without any chat template, at temperature 0. Raises GeneratorError."""
        ...

    def first_token(self, messages: Sequence[Message]) -> dict[str, float]:
        """The likeliest first tokens of the answer and their probabilities. Raises GeneratorError."""
        ...

    def close(self) -> None:
        """Free what the engine holds."""
        ...


def complete(engine: Engine, messages: Sequence[Message], *, max_tokens: int) -> str:
    """The engine's whole answer. Raises GeneratorError."""
    with contextlib.closing(engine.stream(messages, max_tokens=max_tokens)) as pieces:
        return "".join(pieces).strip()

"""What the pipeline needs of a generator: `Engine`, the protocol that every engine follows."""

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from rag.generation.degeneration import is_repetitive

Message = dict[str, str]
"""A chat message: {"role": …, "content": …}."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A text that a model wrote, and the natural logarithm of the probability of each of its tokens.

    `logprobs` is empty if the engine tells none.
    """

    text: str
    logprobs: tuple[float, ...] = ()


class Engine(Protocol):
    """A generator, wherever it runs. Every method raises GeneratorError if the generator fails."""

    label: str
    """For people: which model, where."""
    evidence_tokens: int
    """How many tokens of passages a prompt may hold."""
    small: bool
    """Whether the model is too small to answer in one go: it reads passages one by one, and its answers are checked."""

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        """The answer piece by piece; closing the iterator cancels."""
        ...

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Completion:
        """The whole answer, with the probabilities of its tokens."""
        ...

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        """What the model writes after a text, without any chat template, at temperature 0."""
        ...

    def choice_logprobs(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """The log-probability that the answer begins with the first token of each choice.

        Engines that tell the likeliest tokens only give a choice that is not among them the value of the last one.
        """
        ...

    def text_logprob(self, messages: Sequence[Message], text: str) -> float:
        """The log-probability that the answer begins with a text: the sum over its tokens.

        Raises NoProbabilitiesError if the engine tells no probabilities of what it is given.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds."""
        ...


def yes_odds(engine: Engine, messages: Sequence[Message]) -> float:
    """The log-odds of the answer Yes against No. Raises GeneratorError."""
    yes, no = engine.choice_logprobs(messages, ("Yes", "No"))
    return yes - no


def complete(engine: Engine, messages: Sequence[Message], *, max_tokens: int) -> str:
    """The engine's whole answer, cut off as soon as it loops: no more of it would be of use. Raises GeneratorError."""
    text = ""
    with contextlib.closing(engine.stream(messages, max_tokens=max_tokens)) as pieces:
        for piece in pieces:
            text += piece
            if is_repetitive(text.rstrip()):
                break
    return text.strip()

"""What an encoder needs of a back-end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from retriever.types import Vectors

Role = Literal["query", "document"]
Runtime = Literal["openvino", "onnx"]
BackendName = Literal["torch"] | Runtime
OUTPUTS = ("vectors", "tokens")
"""What an exported graph computes, in this order; the second only if the model has vectors of tokens."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a network makes of one text: its vector, shape (dimensions,), and those of its tokens, (tokens, width).

    All float32 of unit length. Tokens of the prompt and special ones are left out, unless there are no others.
    """

    vector: Vectors
    tokens: Vectors


class Backend(Protocol):
    """A network that makes unit vectors of texts."""

    device: str
    dimensions: int
    prompts: dict[str, str]
    """The model's own text to put before each role."""
    has_tokens: bool
    """Whether there are vectors of tokens too."""

    def encode(self, texts: Sequence[str], role: Role, prompt: str) -> Vectors:
        """float32 vectors of unit length, shape (len(texts), dimensions); texts longer than the model reads are cut."""
        ...

    def encode_tokens(self, texts: Sequence[str], role: Role, prompt: str) -> list[Encoded]:
        """The vectors of texts and of their tokens, in one pass. Raises IsthmusError if the model makes no token's."""
        ...

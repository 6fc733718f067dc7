"""The protocol of back-ends: what an encoder needs of the network that computes its vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from retriever.types import Vectors

Role = Literal["query", "document"]
Runtime = Literal["openvino", "onnx"]
BackendName = Literal["torch"] | Runtime
OUTPUTS = ("vectors", "tokens")
"""The outputs of an exported graph, in this order; the second exists only if the model makes token vectors."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One encoded text: its vector, shape (dimensions,), and the vectors of its tokens, shape (tokens, width).

    All are float32 of unit length. Special tokens and those of the prompt are left out, unless there are no others.
    """

    vector: Vectors
    tokens: Vectors


class Backend(Protocol):
    """A network that embeds texts as unit vectors."""

    device: str
    dimensions: int
    prompts: dict[str, str]
    """The text that the model wants before a text of each role."""
    has_tokens: bool
    """Whether the model makes token vectors."""

    def encode(self, texts: Sequence[str], role: Role, prompt: str) -> Vectors:
        """float32 unit vectors, shape (len(texts), dimensions); texts longer than the model reads are cut."""
        ...

    def encode_tokens(self, texts: Sequence[str], role: Role, prompt: str) -> list[Encoded]:
        """The vectors of texts and of their tokens, in one pass.

        Raises IsthmusError if the model makes no token vectors.
        """
        ...

"""What an encoder needs of a back-end."""

from collections.abc import Sequence
from typing import Literal, Protocol

from retriever.types import Vectors

Role = Literal["query", "document"]
Runtime = Literal["openvino", "onnx"]
BackendName = Literal["torch"] | Runtime


class Backend(Protocol):
    """A network that makes unit vectors of texts."""

    device: str
    dimensions: int
    prompts: dict[str, str]
    """The model's own text to put before each role."""

    def encode(self, texts: Sequence[str], role: Role, prompt: str) -> Vectors:
        """float32 vectors of unit length, shape (len(texts), dimensions); texts longer than the model reads are cut."""
        ...

import pytest
from qdrant_client import QdrantClient

from retriever.store.qdrant_server import QdrantServer
from retriever.types import Document, Passage


@pytest.fixture
def make_document():
    """A document and its passages, one a text; the name is its source, its title and its id."""

    def make(name: str, *texts: str, language: str = "en") -> tuple[Document, list[Passage]]:
        passages = [
            Passage(f"{name}-{number}", name, name, text, None, 0, len(text), language)
            for number, text in enumerate(texts)
        ]
        size = sum(map(len, texts))
        return Document(name, f"{name}.txt", name, f"hash of {texts}", language, size, "2024-05-01T00:00:00"), passages

    return make


@pytest.fixture
def server():
    """Qdrant in the client's local mode, in memory."""
    return QdrantServer(QdrantClient(":memory:"), "memory")


class NoEncoder:
    """Gives the probe alone: whoever needs other vectors fails."""

    name = "fake"

    def __init__(self, encoder):
        self._encoder = encoder

    def encode_passages(self, texts):
        assert len(texts) == 1
        return self._encoder.encode_passages(texts)

    def encode_passage_tokens(self, texts):
        raise AssertionError(f"{len(texts)} passages are embedded")


@pytest.fixture
def no_encoder(fake_encoder):
    """The fake encoder for those who may embed nothing."""
    return NoEncoder(fake_encoder)

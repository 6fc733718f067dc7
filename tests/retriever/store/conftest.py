import pytest

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

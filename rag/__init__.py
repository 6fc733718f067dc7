"""Ask in your own language, get a true, cited answer in that language out of documents in any other."""

from typing import TYPE_CHECKING, Any

from rag.settings import Settings
from rag.types import Answer, Citation, Hit, Passage, Turn
from retriever.errors import IsthmusError

if TYPE_CHECKING:
    from rag.pipeline import RAG

__all__ = ["RAG", "Answer", "Citation", "Hit", "IsthmusError", "Passage", "Settings", "Turn"]


def __getattr__(name: str) -> Any:
    # RAG brings Chroma and LangChain along; `import rag` stays light until it is wanted.
    if name == "RAG":
        from rag.pipeline import RAG

        return RAG
    raise AttributeError(f"module 'rag' has no attribute {name!r}")

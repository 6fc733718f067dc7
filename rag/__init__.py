"""Ask in your own language, get a true, cited answer in that language out of documents in any other."""

from typing import TYPE_CHECKING, Any

from rag.errors import GeneratorError, GeneratorOverloadError, UnreadableFileError
from rag.settings import Settings
from rag.types import Added, Answer, AskOptions, Citation, Turn
from retriever.errors import DataError, IsthmusError, LibraryBusyError, NotFoundError
from retriever.types import Document, Hit, Passage

if TYPE_CHECKING:
    from rag.pipeline import RAG

__all__ = [
    "RAG",
    "Added",
    "Answer",
    "AskOptions",
    "Citation",
    "DataError",
    "Document",
    "GeneratorError",
    "GeneratorOverloadError",
    "Hit",
    "IsthmusError",
    "LibraryBusyError",
    "NotFoundError",
    "Passage",
    "Settings",
    "Turn",
    "UnreadableFileError",
]


def __getattr__(name: str) -> Any:
    # RAG imports Chroma and LangChain; `import rag` stays light until it is used.
    if name == "RAG":
        from rag.pipeline import RAG

        return RAG
    raise AttributeError(f"module 'rag' has no attribute {name!r}")

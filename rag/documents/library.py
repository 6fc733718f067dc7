"""A library: add, list, remove and search documents in files.

A file goes one way: read -> parse -> split into passages -> `Collection.write`. What the collection keeps on disk, and
in which order, stands in `retriever.store.collection`.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from rag.build import EngineSource, build_encoder, build_reranker, build_rewriters
from rag.documents.ingest import read_document, read_file, supported_files
from rag.documents.migrations import add_missing_times
from rag.errors import UnreadableFileError
from rag.settings import Settings
from rag.types import Added
from retriever.errors import IsthmusError
from retriever.models.protocols import TextEncoder
from retriever.search.retriever import CrossLingualRetriever
from retriever.store.baseline import ScoreBaseline
from retriever.store.collection import Collection
from retriever.store.disk_errors import STORAGE_ERRORS, make_library_folder, storage_error
from retriever.store.lock import acquire
from retriever.types import Document, Hit, Month, Timing

Progress = Callable[[int, int, str], None]
"""Called with (documents done, documents in all, name of the one at work)."""
Source = tuple[str, Callable[[], bytes]]
"""The name of a document and what reads its content."""


class Library:
    """The documents in `settings.library`, open in one process at a time; threads may share it.

    `engine` opens the generator, where the settings want one in search. Raises LibraryBusyError, naming the other
    process, if one has it open.
    """

    def __init__(
        self,
        settings: Settings,
        encoder: TextEncoder | None = None,
        *,
        holder: str = "isthmus",
        engine: EngineSource | None = None,
    ) -> None:
        self.settings = settings
        self.folder = settings.library
        make_library_folder(self.folder)
        self._lock = acquire(self.folder, holder)
        self._writing = threading.RLock()
        try:
            self.encoder = encoder or build_encoder(settings)
            self.collection = Collection(
                self.folder,
                self.encoder,
                keep_tokens=settings.rerank == "late",
                chroma_url=settings.chroma_url,
            )
            add_missing_times(self.collection.documents)
            self.retriever = CrossLingualRetriever(
                encoder=self.encoder,
                index=self.collection,
                k=settings.top_k,
                rewrites=build_rewriters(settings, engine) if engine else (),
                reranker=build_reranker(settings, self.collection.tokens, engine),
            )
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Let other processes open the library."""
        self.collection.close()
        self._lock.release()

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def baseline(self) -> ScoreBaseline:
        """What ordinary passages score."""
        return self.collection.baseline

    def add(self, paths: Iterable[Path], progress: Progress | None = None) -> list[Added]:
        """Add files, and the supported files of folders. A file that cannot be read fails alone, with its reason."""
        files = [file for path in paths for file in supported_files(path)]
        return self._add_each(
            [(os.path.abspath(file), partial(read_file, file, self._limit)) for file in files], progress
        )

    def add_upload(self, files: Sequence[tuple[str, Path]], progress: Progress | None = None) -> list[Added]:
        """Add (name given by the user, file), named by the last part of that name."""
        sources = [(Path(name.replace("\\", "/")).name, partial(read_file, file, self._limit)) for name, file in files]
        return self._add_each(sources, progress)

    def add_texts(self, texts: Sequence[tuple[str, str]], progress: Progress | None = None) -> list[Added]:
        """Add (name, text); the name's ending tells the format (".md", ".txt", …)."""
        return self._add_each([(name, text.encode) for name, text in texts], progress)

    def documents(self) -> list[Document]:
        """Every document, oldest first."""
        return self.collection.documents.documents()

    def remove(self, names: Iterable[str]) -> list[Document]:
        """Delete documents by id, source, file name or title, with all their passages and vectors.

        Raises IsthmusError, and deletes nothing, if a name fits none or several.
        """
        with self._writing:
            documents = self.documents()
            removed = {document.id: document for document in (_find_document(documents, name) for name in names)}
            if removed:
                self.collection.remove(list(removed))
                self.collection.refresh()
            return list(removed.values())

    def search(
        self, query: str, k: int | None = None, *, timing: Timing | None = None, as_of: Month | None = None
    ) -> list[Hit]:
        """The k best passages for a query in any language; `as_of` as in `CrossLingualRetriever.search`."""
        return self.retriever.search(self.retriever.understand(query, timing=timing), k, as_of=as_of)

    def check(self) -> list[str]:
        """What is inconsistent between the documents and the indexes; normally nothing."""
        return self.collection.faults()

    @property
    def _limit(self) -> int:
        return self.settings.max_file_mb * 1_000_000

    def _add_each(self, sources: Sequence[Source], progress: Progress | None) -> list[Added]:
        results = []
        with self._writing:
            try:
                for done, (name, read) in enumerate(sources):
                    if progress:
                        progress(done, len(sources), Path(name).name)
                    try:
                        results.append(self._add_one(name, read()))
                    except UnreadableFileError as error:
                        results.append(Added(name, "failed", reason=str(error)))
                    except STORAGE_ERRORS as error:
                        raise storage_error(error, name, self.folder) from error
                if progress:
                    progress(len(sources), len(sources), "")
            finally:
                self.collection.refresh()
        return results

    def _add_one(self, source: str, data: bytes) -> Added:
        digest = hashlib.sha256(data).hexdigest()
        documents = self.documents()
        if any(document.sha256 == digest for document in documents):
            return Added(source, "unchanged")
        replaced = [document.id for document in documents if document.source == source]
        document, passages = read_document(source, data, digest, self.settings.passage_chars)
        self.collection.write(document, passages, replaced)
        return Added(source, "replaced" if replaced else "added", len(passages))


def _find_document(documents: Sequence[Document], name: str) -> Document:
    keys = {name, os.path.abspath(name)}
    matching = [d for d in documents if {d.id, d.source} & keys] or [
        d for d in documents if name in (Path(d.source).name, d.title)
    ]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise IsthmusError(f"No document is called {name!r}; `isthmus list` shows what there is.")
    raise IsthmusError(
        f"{len(matching)} documents are called {name!r}; name one by its id: {', '.join(d.id for d in matching)}."
    )

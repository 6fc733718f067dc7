"""A library: add, list, remove and search documents in files.

A file goes one way: read -> parse -> split into passages -> `Collection.write`. What the collection keeps on disk, and
in which order, stands in `retriever.store.collection`.
"""

import hashlib
import itertools
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from rag.build import EngineSource, build_encoder, build_reranker, build_rewriters, connect_qdrant
from rag.documents.ingest import read_document, read_file, supported_files
from rag.documents.migrations import add_missing_times, delete_saved_words
from rag.documents.names import find_document
from rag.documents.parsing import printable
from rag.errors import UnreadableFileError
from rag.settings import Settings
from rag.types import Added
from retriever.errors import IsthmusError
from retriever.models.protocols import TextEncoder
from retriever.search.retriever import CrossLingualRetriever
from retriever.store.baseline import ScoreBaseline
from retriever.store.collection import STORAGE_ERRORS, Collection
from retriever.store.disk_errors import (
    closing_error,
    make_library_folder,
    opening_error,
    refresh_error,
    removal_error,
    storage_error,
)
from retriever.store.embedding import EmbeddedPassages
from retriever.store.lock import acquire
from retriever.store.opening import open_documents, open_shared_documents
from retriever.types import Document, Hit, Month, Passage, Timing

if TYPE_CHECKING:
    from retriever.store.qdrant_server import QdrantServer
    from retriever.store.shared_collection import SharedCollection

Progress = Callable[[int, int, str], None]
"""Called with (documents done, documents in all, name of the one at work)."""
Source = tuple[str, Callable[[], bytes]]
"""The name of a document and what reads its content."""


class Library:
    """The documents in `settings.library`; threads may share it.

    One process at a time has it open; `holder` and `url` tell others which one, and where it takes requests. Several
    may if its documents are in PostgreSQL, unless one opens it `alone`. `engine` opens the generator, where the
    settings want one in search. Raises LibraryBusyError if another process keeps this one out.
    """

    def __init__(
        self,
        settings: Settings,
        encoder: TextEncoder | None = None,
        *,
        holder: str = "isthmus",
        url: str | None = None,
        engine: EngineSource | None = None,
        alone: bool = False,
    ) -> None:
        self.settings = settings
        self.folder = settings.library
        make_library_folder(self.folder)
        self._writing = threading.RLock()
        self._is_closed = False
        with ExitStack() as opened:
            if not settings.documents_address:
                opened.callback(self._acquire(holder, url).release)
            self.encoder = encoder or build_encoder(settings, engine)
            qdrant = connect_qdrant(settings)
            if qdrant:
                opened.callback(qdrant.close)
            self.collection = self._open_collection(qdrant, alone=alone)
            opened.callback(self.collection.close)
            self.retriever = CrossLingualRetriever(
                encoder=self.encoder,
                index=self.collection,
                k=settings.top_k,
                rewrites=build_rewriters(settings, engine) if engine else (),
                reranker=build_reranker(settings, self.collection.tokens, engine),
            )
            self._opened = opened.pop_all()

    def _acquire(self, holder: str, url: str | None) -> FileLock:
        try:
            return acquire(self.folder, holder, url)
        except OSError as error:
            raise opening_error(error, self.folder) from error

    def _open_collection(self, qdrant: "QdrantServer | None", *, alone: bool) -> "Collection | SharedCollection":
        url, keep_tokens = self.settings.documents_address, self.settings.rerank == "late"
        collection: Collection | SharedCollection
        try:
            if qdrant and url:
                collection = self._open_shared(url, qdrant, keep_tokens=keep_tokens, alone=alone)
            else:
                collection = Collection(
                    self.folder,
                    self.encoder,
                    keep_tokens=keep_tokens,
                    chroma_url=self.settings.chroma_url,
                    qdrant=qdrant,
                    documents=open_documents(self.folder),
                )
            try:
                add_missing_times(collection.documents)
                delete_saved_words(self.folder)
            except BaseException:
                collection.close()
                raise
        except (*STORAGE_ERRORS, sqlite3.DatabaseError) as error:
            raise opening_error(error, self.folder) from error
        return collection

    def _open_shared(self, url: str, qdrant: "QdrantServer", *, keep_tokens: bool, alone: bool) -> "SharedCollection":
        from retriever.store.shared_collection import SharedCollection

        documents = open_shared_documents(self.folder, url)
        return SharedCollection(self.folder, self.encoder, documents, qdrant, keep_tokens=keep_tokens, alone=alone)

    def close(self) -> None:
        """Wait for the write under way, then let other processes open the library. A second call changes nothing."""
        with self._writing:
            self._is_closed = True
            try:
                self._opened.close()
            except STORAGE_ERRORS as error:
                raise closing_error(error, self.folder) from error

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
        return self._add_all(
            [(printable(os.path.abspath(file)), partial(read_file, file, self._limit)) for file in files], progress
        )

    def add_upload(
        self, files: Sequence[tuple[str, Path]], progress: Progress | None = None, *, replace: bool = False
    ) -> list[Added]:
        """Add (name given by the user, file), named by the last part of that name.

        A file whose name another document has is added beside it, as "report (2).pdf", or replaces it with `replace`.
        """
        named = [(Path(name.replace("\\", "/")).name, file) for name, file in files]
        return self.add_named(named, progress, replace=replace)

    def add_named(
        self, files: Sequence[tuple[str, Path]], progress: Progress | None = None, *, replace: bool = False
    ) -> list[Added]:
        """Add (name of the document, file), as `add_upload` does, with the names as they are."""
        return self._add_all(self._sources(files), progress, replace=replace)

    def add_each(
        self, files: Sequence[tuple[str, Path]], *, replace: bool = False
    ) -> Generator[tuple[int, Added], None, None]:
        """As `add_named`, one file after the other: the number of each, and what became of it.

        Whoever closes the iterator early has added the files that came until then.
        """
        return self._each(self._sources(files), None, replace=replace)

    def add_texts(self, texts: Sequence[tuple[str, str]], progress: Progress | None = None) -> list[Added]:
        """Add (name, text); the name's ending tells the format (".md", ".txt", …)."""
        return self._add_all(
            [(printable(name), partial(text.encode, errors="ignore")) for name, text in texts], progress
        )

    def add_embedded(
        self, document: Document, passages: Sequence[Passage], embedded: Iterable[EmbeddedPassages]
    ) -> Added:
        """Add a document that was read and embedded elsewhere, or replace the one of its source; within `changes`.

        `embedded` are its passages, part by part, their tokens pooled.
        """
        with self.collection.writing(document), self._change():
            if self.is_unchanged(document.source, document.sha256):
                return Added(document.source, "unchanged")
            try:
                return self._write(document, passages, embedded)
            except STORAGE_ERRORS as error:
                raise storage_error(error, document.source, self.folder) from error

    def is_unchanged(self, name: str, digest: str) -> bool:
        """Whether the document of this name has this content or, if there is none, another one has.

        `digest` is the content's SHA-256.
        """
        documents = self.collection.documents
        known = documents.from_source(name)
        return known.sha256 == digest if known else documents.has_content(digest)

    @contextmanager
    def changes(self) -> Iterator[None]:
        """Changes, which search sees at the end, however it comes."""
        try:
            yield
        except BaseException as error:
            try:
                self._refresh()
            except IsthmusError as second:
                error.add_note(str(second))
            raise
        self._refresh()

    def documents(self) -> list[Document]:
        """Every document, oldest first."""
        return self.collection.documents.documents()

    def remove(self, names: Iterable[str]) -> list[Document]:
        """Delete documents by id, source, file name or title, with all their passages and vectors.

        Raises NotFoundError, and deletes nothing, if a name fits none or several.
        """
        with self._change():
            documents = self.documents()
            removed = {document.id: document for document in (find_document(documents, name) for name in names)}
            if removed:
                try:
                    self.collection.remove(list(removed))
                except STORAGE_ERRORS as error:
                    raise removal_error(error, self.folder) from error
        self._refresh()
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

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One write at a time, and none once the library is closed."""
        with self._writing:
            if self._is_closed:
                raise IsthmusError(f"The library {self.folder} is closed; open it again.")
            yield

    def _refresh(self) -> None:
        """Let search see what has changed."""
        with self._writing:
            if self._is_closed:
                return
            try:
                self.collection.refresh()
            except STORAGE_ERRORS as error:
                raise refresh_error(error, self.folder) from error

    def _sources(self, files: Sequence[tuple[str, Path]]) -> list[Source]:
        return [(printable(name), partial(read_file, file, self._limit)) for name, file in files]

    def _add_all(self, sources: Sequence[Source], progress: Progress | None, *, replace: bool = True) -> list[Added]:
        results = dict(self._each(sources, progress, replace=replace))
        return [results[number] for number in range(len(sources))]

    def _each(
        self, sources: Sequence[Source], progress: Progress | None, *, replace: bool
    ) -> Generator[tuple[int, Added], None, None]:
        """Add sources in the order of `_intake_order`; search sees them at the end, however it comes."""
        with self.changes():
            for done, number in enumerate(self._intake_order(sources)):
                name, read = sources[number]
                if progress:
                    progress(done, len(sources), Path(name).name)
                try:
                    result = self._add_one(name, read(), replace=replace)
                except UnreadableFileError as error:
                    result = Added(name, "failed", reason=str(error))
                except STORAGE_ERRORS as error:
                    raise storage_error(error, name, self.folder) from error
                yield number, result
            if progress:
                progress(len(sources), len(sources), "")

    def _intake_order(self, sources: Sequence[Source]) -> list[int]:
        """Names that the library has come first.

        Otherwise a new file with the content that a known one had until now would count as unchanged.
        """
        documents = self.collection.documents
        with self._change():
            return sorted(range(len(sources)), key=lambda number: documents.from_source(sources[number][0]) is None)

    def _add_one(self, source: str, data: bytes, *, replace: bool) -> Added:
        digest = hashlib.sha256(data).hexdigest()
        while True:
            with self._change():
                name = source if replace else self._free_name(source, digest)
                if self.is_unchanged(name, digest):
                    return Added(name, "unchanged")
            document, passages = read_document(name, data, digest, self.settings.passage_chars)
            with self.collection.writing(document), self._change():
                if self.is_unchanged(name, digest):  # somebody else added it meanwhile
                    return Added(name, "unchanged")
                if replace or not self.collection.documents.from_source(name):
                    return self._write(document, passages)

    def _write(
        self, document: Document, passages: Sequence[Passage], embedded: Iterable[EmbeddedPassages] | None = None
    ) -> Added:
        """Write a document in place of the one of its source."""
        replaced = self.collection.documents.from_source(document.source)
        self.collection.write(document, passages, [replaced.id] if replaced else [], embedded)
        return Added(document.source, "replaced" if replaced else "added", len(passages))

    def _free_name(self, name: str, digest: str) -> str:
        """The name with the lowest number that is free or belongs to a document with the same content."""
        path = Path(name)
        names = itertools.chain([name], (f"{path.stem} ({number}){path.suffix}" for number in itertools.count(2)))
        known = self.collection.documents.from_source
        return next(name for name in names if (document := known(name)) is None or document.sha256 == digest)

"""A named collection of documents: add, list, remove, search.

Order of writing, which keeps a killed process harmless: "not settled" is noted, vectors are written to
Chroma and those of tokens to their file, then one SQLite transaction puts the document in (and the one it
replaces out), then surplus vectors are deleted, then the BM25 index is saved under the new revision. "Settled"
comes with closing: Chroma, killed at any time after a write, may list passages whose vectors are lost (the test
that kills found it). Whoever opens the library and finds it not settled copies the vectors of its documents into a
new collection.
"""

import errno
import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from chromadb.errors import ChromaError
from tqdm import tqdm

from rag.encoders import LATE, open_encoder, rerank_named
from rag.holder import take
from rag.intake import read_document, reader, supported
from rag.parsing import UnreadableFileError
from rag.settings import Settings
from retriever.catalogue import Catalogue, Document
from retriever.encoder import Encoder, probe_of
from retriever.errors import IsthmusError
from retriever.index import VectorIndex
from retriever.late import LateInteraction, TokenStore, embed_with_tokens
from retriever.lexical import LexicalIndex
from retriever.rerank import Reranker
from retriever.search import CrossLingualRetriever
from retriever.temporal.calendar import Month
from retriever.temporal.timing import Timing
from retriever.types import Hit, Passage

Status = Literal["added", "replaced", "unchanged", "failed"]
EMBED_BATCH = 256
BACKGROUND = 1000
"""Passages whose scores tell what an ordinary one scores."""

Progress = Callable[[int, int, str], None]
"""Called with (documents done, documents in all, name of the one in work)."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one file; `reason` is for its owner if it failed."""

    name: str
    status: Status
    passages: int = 0
    reason: str = ""


class Library:
    """The documents under `settings.library`. One process holds it at a time; threads may share it.

    Raises LibraryBusyError, naming the holder, if another process has it open.
    """

    def __init__(self, settings: Settings, encoder: Encoder | None = None, *, holder: str = "isthmus") -> None:
        self.settings = settings
        self.folder = settings.library
        _make_folder(self.folder)
        self._lock = take(self.folder, holder)
        self._writing = threading.RLock()
        try:
            self.encoder = encoder or open_encoder(settings)
            self.catalogue = Catalogue(self.folder / "catalogue.sqlite")
            self.vectors = self._open_vectors(self.catalogue.generation)
            self.tokens = TokenStore(self.folder / "tokens.sqlite") if settings.rerank == LATE else None
            if self.tokens:
                self.tokens.claim(probe_of(self.encoder))
            self._settle()
            self._settle_tokens()
            self._settle_times()
            self.background = self.vectors.sample(BACKGROUND)
            self.retriever = CrossLingualRetriever(
                encoder=self.encoder,
                vectors=self.vectors,
                lexical=self._load_lexical(),
                store=self.catalogue,
                k=settings.top_k,
                reranker=self._reranker(),
            )
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Let other processes have the library."""
        self.vectors.close()
        if self.tokens:
            self.tokens.close()
        self.catalogue.settled = True
        self.catalogue.close()
        self._lock.release()

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, paths: Iterable[Path], progress: Progress | None = None) -> list[Added]:
        """Take in files, and the supported files of folders. A file that cannot be read fails alone."""
        files = [(os.path.abspath(file), file) for path in paths for file in supported(path)]
        return self._add_each([(name, reader(file, self._limit)) for name, file in files], progress)

    def add_upload(self, files: Sequence[tuple[str, Path]], progress: Progress | None = None) -> list[Added]:
        """Take in (name given by the user, file), named by the last part of that name."""
        named = [(Path(name.replace("\\", "/")).name, file) for name, file in files]
        return self._add_each([(name, reader(file, self._limit)) for name, file in named], progress)

    def add_texts(self, texts: Sequence[tuple[str, str]], progress: Progress | None = None) -> list[Added]:
        """Take in (name, text); the name's ending tells the format (".md", ".txt", …)."""
        return self._add_each([(name, text.encode) for name, text in texts], progress)

    def documents(self) -> list[Document]:
        """Every document, oldest first."""
        return self.catalogue.documents()

    def remove(self, names: Iterable[str]) -> list[Document]:
        """Delete documents by id, source, file name or title, with all their passages and vectors.

        Raises IsthmusError, and deletes nothing, if a name fits none or several.
        """
        with self._writing:
            known = self.documents()
            doomed = {document.id: document for document in (_pick(known, name) for name in names)}
            if doomed:
                surplus = [id_ for document in doomed for id_ in self.catalogue.passage_ids(document)]
                self.catalogue.settled = False
                self.catalogue.remove(doomed)
                self._forget(surplus)
                self._refresh()
            return list(doomed.values())

    def search(
        self, query: str, k: int | None = None, *, timing: Timing | None = None, as_of: Month | None = None
    ) -> list[Hit]:
        """The k best passages for a query in any language; `timing` and `as_of` as `CrossLingualRetriever` has them."""
        return self.retriever.search(query, k, timing=timing, as_of=as_of)

    def check(self) -> list[str]:
        """What is inconsistent between catalogue, vectors and BM25 index; nothing, normally."""
        known = set(self.catalogue.passage_ids())
        faults = []
        kept = {"vectors": self.vectors.ids(), "the lexical index": set(self.retriever.lexical.ids)}
        if self.tokens:
            kept["token vectors"] = self.tokens.ids()
        for name, ids in kept.items():
            if missing := known - ids:
                faults.append(f"{len(missing)} passages are missing from {name}")
            if surplus := ids - known:
                faults.append(f"{len(surplus)} passages in {name} belong to no document")
        return faults

    @property
    def _limit(self) -> int:
        return self.settings.max_file_mb * 1_000_000

    def _add_each(self, files: Sequence[tuple[str, Callable[[], bytes]]], progress: Progress | None) -> list[Added]:
        results = []
        with self._writing:
            try:
                for done, (name, read) in enumerate(files):
                    if progress:
                        progress(done, len(files), Path(name).name)
                    try:
                        results.append(self._add_one(name, read()))
                    except UnreadableFileError as error:
                        results.append(Added(name, "failed", reason=str(error)))
                    except (sqlite3.OperationalError, ChromaError, OSError) as error:
                        raise _storage_error(error, name, self.folder) from error
                if progress:
                    progress(len(files), len(files), "")
            finally:
                if self.catalogue.revision != self._indexed:
                    self._refresh()
        return results

    def _add_one(self, source: str, data: bytes) -> Added:
        digest = hashlib.sha256(data).hexdigest()
        present = self.documents()
        if any(document.sha256 == digest for document in present):
            return Added(source, "unchanged")
        old = [document.id for document in present if document.source == source]
        document, passages = read_document(source, data, digest, self.settings.passage_chars)
        surplus = [id_ for document_id in old for id_ in self.catalogue.passage_ids(document_id)]
        self.catalogue.settled = False
        self._embed(passages, self.vectors)
        self.catalogue.replace(old, document, passages)
        self._forget(surplus)
        return Added(source, "replaced" if old else "added", len(passages))

    def _embed(self, passages: Sequence[Passage], index: VectorIndex) -> None:
        for start in range(0, len(passages), EMBED_BATCH):
            part = passages[start : start + EMBED_BATCH]
            texts = [passage.embedded_text for passage in part]
            if self.tokens is None:
                index.add(_rows(part), self.encoder.encode_passages(texts))
                continue
            ids = [passage.id for passage in part]
            index.add(_rows(part), embed_with_tokens(self.encoder, self.tokens, ids, texts))

    def _forget(self, ids: Sequence[str]) -> None:
        self.vectors.delete(ids)
        if self.tokens:
            self.tokens.delete(ids)

    def _reranker(self) -> Reranker | None:
        named = rerank_named(self.settings)
        if named == LATE:
            return LateInteraction(self.encoder, self.tokens.read) if self.tokens else None
        return named

    def _settle(self) -> None:
        """After a kill, or where vectors were deleted or come from elsewhere: make them fit the catalogue.

        What Chroma holds after a kill is only read, never built upon: the vectors of the catalogue's passages are
        copied into a new collection, those that cannot be read are made anew, and one transaction switches over.
        """
        count = len(self.catalogue.passage_ids())
        if self.catalogue.settled and len(self.vectors) == count:
            return
        self.catalogue.settled = False
        generation = self.catalogue.generation + 1
        old, fresh = self.vectors, self._open_vectors(generation, fresh=True)
        known = self.catalogue.all_passages()
        for start in range(0, count, EMBED_BATCH):
            part = known[start : start + EMBED_BATCH]
            kept = old.read([passage.id for passage in part])
            self._embed([passage for passage in part if passage.id not in kept], fresh)
            copied = [passage for passage in part if passage.id in kept]
            if copied:
                fresh.add(_rows(copied), np.stack([kept[passage.id] for passage in copied]))
        self.catalogue.generation = generation
        self.vectors = fresh
        old.drop()

    def _settle_tokens(self) -> None:
        """Token vectors for the passages that have none (of a library from before, or after a kill), and no others."""
        if self.tokens is None:
            return
        wanted, kept = set(self.catalogue.passage_ids()), self.tokens.ids()
        self.tokens.delete(kept - wanted)
        if missing := sorted(wanted - kept):
            for start in tqdm(range(0, len(missing), EMBED_BATCH), desc="Embedding tokens", disable=None):
                part = self.catalogue.passages(missing[start : start + EMBED_BATCH])
                embed_with_tokens(self.encoder, self.tokens, list(part), [p.embedded_text for p in part.values()])

    def _settle_times(self) -> None:
        """The times that passages name, of a library from before they were kept."""
        if undated := self.catalogue.undated():
            self.catalogue.date([passage.dated() for passage in undated])

    def _open_vectors(self, generation: int, *, fresh: bool = False) -> VectorIndex:
        url = self.settings.chroma_url
        path = None if url else self.folder / "vectors"
        return VectorIndex(self.encoder, path=path, url=url, name=f"passages-{generation}", fresh=fresh)

    def _load_lexical(self) -> LexicalIndex:
        folder = self.folder / f"lexical-{self.catalogue.revision}"
        self._indexed = self.catalogue.revision
        return LexicalIndex.load(folder) if folder.is_dir() else self._build_lexical()

    def _build_lexical(self) -> LexicalIndex:
        passages = self.catalogue.all_passages()
        lexical = LexicalIndex.build([p.id for p in passages], [p.embedded_text for p in passages])
        folder = self.folder / f"lexical-{self.catalogue.revision}"
        lexical.save(folder)
        self._indexed = self.catalogue.revision
        for old in self.folder.glob("lexical-*"):
            if old != folder:
                shutil.rmtree(old)
        return lexical

    def _refresh(self) -> None:
        """Let search see what is now in the library."""
        self.retriever.lexical = self._build_lexical()
        self.background = self.vectors.sample(BACKGROUND)


def _rows(passages: Sequence[Passage]) -> list[tuple[str, str, str]]:
    return [(passage.id, passage.document_id, passage.language) for passage in passages]


def list_documents(folder: Path) -> list[Document]:
    """The documents in a library folder, whoever holds it; opens neither encoder nor vectors."""
    if not (folder / "catalogue.sqlite").exists():
        return []
    catalogue = Catalogue(folder / "catalogue.sqlite")
    try:
        return catalogue.documents()
    finally:
        catalogue.close()


def _storage_error(error: Exception, name: str, folder: Path) -> IsthmusError:
    """One sentence for a disk that is full or fails. Documents taken in before stay; the one in work is left out."""
    full = getattr(error, "errno", None) == errno.ENOSPC or "full" in str(error) or "No space" in str(error)
    what = "The disk is full" if full else f"The library could not be written ({error})"
    remedy = "free some space" if full else "check the disk"
    return IsthmusError(
        f"{what}: {Path(name).name} was not added, what came before it is kept; {remedy} at {folder} and add it again."
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IsthmusError(
            f"The library folder {folder} cannot be made ({error}); set another with library."
        ) from error


def _pick(documents: Sequence[Document], name: str) -> Document:
    keys = {name, os.path.abspath(name)}
    found = [d for d in documents if {d.id, d.source} & keys] or [
        d for d in documents if name in (Path(d.source).name, d.title)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise IsthmusError(f"No document is called {name!r}; `isthmus list` shows what there is.")
    raise IsthmusError(
        f"{len(found)} documents are called {name!r}; name one by its id: {', '.join(d.id for d in found)}."
    )

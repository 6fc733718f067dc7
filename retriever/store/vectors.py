"""Passage vectors in Chroma, which is either embedded, with files on disk, or a server."""

import errno
import functools
import itertools
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

import chromadb
import numpy as np
from chromadb.api import ClientAPI
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings
from chromadb.errors import ChromaError
from httpx import TransportError

from retriever.address import shown_url
from retriever.errors import IsthmusError, StoreServerError
from retriever.models.encoder import encoder_probe, same_encoder
from retriever.models.protocols import PassageEncoder
from retriever.store.baseline import ScoreBaseline
from retriever.types import Vectors

PAGE_SIZE = 1000
"""Passages in one call to Chroma."""
ROOM_TO_OPEN = 1_000_000
"""Bytes that must be free for Chroma to open its files: it writes to them."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def _calls_chroma(
    method: "Callable[Concatenate[VectorIndex, _Arguments], _Result]",
) -> "Callable[Concatenate[VectorIndex, _Arguments], _Result]":
    """A method that waits while the files are opened anew, and says in one sentence that the server has gone."""

    @functools.wraps(method)
    def call(index: "VectorIndex", /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            with index._lock:
                if index._is_down and index._path:
                    index._reopen(index._path)
                return method(index, *args, **kwargs)
        except TransportError as error:
            fault = f"The Chroma server at {index.place} does not answer any more"
            raise StoreServerError(fault, error) from error

    return call


class VectorIndex:
    """A VectorStore: one Chroma collection of passage vectors, which records the encoder that made them.

    Give `path` for files on disk or `url` for a server. With `fresh` an old collection of that name is deleted first.
    Raises IsthmusError if the collection was made by another encoder, or the server cannot be reached; every method
    raises StoreServerError if it cannot be any more.
    """

    def __init__(
        self,
        encoder: PassageEncoder,
        *,
        path: Path | None = None,
        url: str | None = None,
        name: str = "passages",
        fresh: bool = False,
    ) -> None:
        self.place = str(path or shown_url(url or ""))
        self._path = path
        # Of files one call at a time, which costs next to nothing: Chroma holds the interpreter's own lock.
        self._lock: AbstractContextManager[object] = threading.RLock() if path else nullcontext()
        self._has_failed = False
        self._is_down = False
        self._client = _client(path, url)
        try:
            self._collection = self._open_collection(encoder, name, fresh=fresh)
            self._max_batch = self._client.get_max_batch_size()
        except BaseException:
            self.close()
            raise

    @_calls_chroma
    def _open_collection(self, encoder: PassageEncoder, name: str, *, fresh: bool) -> chromadb.Collection:
        if fresh and name in self._names():
            self._client.delete_collection(name)
        probe = encoder_probe(encoder)
        metadata = {"encoder": encoder.name, "probe": json.dumps([round(float(value), 5) for value in probe])}
        collection = self._client.get_or_create_collection(
            name, metadata=metadata, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )
        stored = collection.metadata or {}
        if not same_encoder(np.asarray(json.loads(stored.get("probe", "[]")), dtype=np.float32), probe):
            raise IsthmusError(
                f"The vectors in {self.place} were made by the encoder {stored.get('encoder')!r}, not by "
                f"{encoder.name!r} as it is now. Set the encoder back, or delete that folder or collection: they are "
                "made anew at the next start."
            )
        return collection

    @_calls_chroma
    def add(self, passages: Sequence[tuple[str, str, str]], vectors: Vectors) -> None:
        """Store vectors[i] for passages[i] = (passage id, document id, language)."""
        size = min(self._max_batch, PAGE_SIZE)
        with self._writing():
            for start in range(0, len(passages), size):
                rows = passages[start : start + size]
                self._collection.upsert(
                    ids=[row[0] for row in rows],
                    embeddings=cast(Any, vectors[start : start + size]),
                    metadatas=[{"document": row[1], "language": row[2]} for row in rows],
                )

    @_calls_chroma
    def delete(self, ids: Iterable[str]) -> None:
        """Delete the vectors of passages; unknown ids are ignored."""
        passage_ids = list(ids)
        with self._writing():
            for start in range(0, len(passage_ids), PAGE_SIZE):
                self._collection.delete(ids=passage_ids[start : start + PAGE_SIZE])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A write to files; after one that failed they are opened anew.

        A write that fails, on a full disk say, may leave Chroma with a lock on its database, and the next one would
        wait for it for 1000 seconds (chroma-core/chroma#7040).
        """
        if self._has_failed and self._path:
            self._reopen(self._path)
        try:
            yield
        except ChromaError:
            self._has_failed = True
            raise

    def _reopen(self, path: Path) -> None:
        """Close the files and open them again. Raises OSError, and leaves them open, if the disk is full.

        If they cannot be opened for another reason, it raises OSError too, and the next call tries again.
        """
        if shutil.disk_usage(path).free < ROOM_TO_OPEN:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        name = self._collection.name
        self.close()
        self._is_down = True
        try:
            self._client = _client(path, None)
            self._collection = self._client.get_collection(name, embedding_function=None)
        except (ChromaError, ValueError) as error:
            raise OSError(errno.EIO, f"{os.strerror(errno.EIO)} ({error})", str(path)) from error
        self._is_down = self._has_failed = False

    @_calls_chroma
    def search(self, vector: Vectors, k: int, where: Mapping[str, Any] | None = None) -> list[tuple[str, float]]:
        """The k nearest passages as (id, cosine), best first; see VectorStore for `where`."""
        result = self._collection.query(
            query_embeddings=cast(Any, vector[None, :]),
            n_results=k,
            where=cast(Any, where),
            include=["distances"],
        )
        distances = (result["distances"] or [[]])[0]
        return [(id_, 1.0 - float(distance)) for id_, distance in zip(result["ids"][0], distances, strict=True)]

    @_calls_chroma
    def sample_baseline(self, size: int) -> ScoreBaseline:
        """A baseline of up to `size` of the stored vectors."""
        result = self._collection.get(limit=size, include=["embeddings", "metadatas"])
        languages = tuple(str(row["language"]) for row in result["metadatas"] or [])
        vectors = result["embeddings"] if languages else np.zeros((0, 1))
        return ScoreBaseline(np.asarray(vectors, dtype=np.float32), languages)

    @_calls_chroma
    def read(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The stored vectors by passage id; passages without a vector are left out.

        If Chroma is killed while it writes, it may list an id and then fail to read its vector.
        """
        if not ids:
            return {}
        try:
            result = self._collection.get(ids=list(ids), include=["embeddings"])
        except ChromaError:
            half = len(ids) // 2
            return self.read(ids[:half]) | self.read(ids[half:]) if half else {}
        vectors = np.asarray(result["embeddings"] if result["ids"] else [], dtype=np.float32)
        return dict(zip(result["ids"], vectors, strict=True))

    def close(self) -> None:
        """Close the store. If this process opens it again, it sees what other processes have written."""
        if not self._is_down:
            cast(Any, self._client).close()

    @_calls_chroma
    def drop_others(self, is_leftover: Callable[[str], bool]) -> None:
        """Delete the store's other collections whose names are leftovers."""
        for name in self._names():
            if name != self._collection.name and is_leftover(name):
                self._client.delete_collection(name)

    def _names(self) -> list[str]:
        names: list[str] = []
        for offset in itertools.count(0, PAGE_SIZE):
            page = self._client.list_collections(limit=PAGE_SIZE, offset=offset)
            names += [collection.name for collection in page]
            if len(page) < PAGE_SIZE:
                return names
        return names

    @_calls_chroma
    def ids(self) -> set[str]:
        """Every stored passage id."""
        ids: set[str] = set()
        for offset in itertools.count(0, PAGE_SIZE):
            page = self._collection.get(limit=PAGE_SIZE, offset=offset, include=[])["ids"]
            ids.update(page)
            if len(page) < PAGE_SIZE:
                return ids
        return ids

    @_calls_chroma
    def __len__(self) -> int:
        return self._collection.count()


def _embedded_client(path: str, settings: Settings) -> ClientAPI:
    try:
        return chromadb.PersistentClient(path=path, settings=settings)
    except BaseException:
        # Chroma keeps what it could not start, and would give it to the next one who opens this folder.
        if path not in SharedSystemClient._identifier_to_refcount:
            SharedSystemClient._identifier_to_system.pop(path, None)
        raise


def _client(path: Path | None, url: str | None) -> ClientAPI:
    quiet = Settings(anonymized_telemetry=False)
    if url is None:
        return _embedded_client(str(path), quiet)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise IsthmusError(
            f"The Chroma address {shown_url(url)!r} is no http(s) URL; give one like http://127.0.0.1:8001."
        )
    try:
        return chromadb.HttpClient(
            host=parts.hostname,
            port=parts.port or (443 if parts.scheme == "https" else 8000),
            ssl=parts.scheme == "https",
            settings=quiet,
        )
    except (ValueError, ChromaError, OSError) as error:
        raise IsthmusError(
            f"No Chroma server answers at {shown_url(url)} ({error}). Start it, or unset chroma_url."
        ) from error

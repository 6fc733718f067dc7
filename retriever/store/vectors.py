"""Passage vectors in Chroma: embedded on disk, or on a server, behind the same few calls."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import chromadb
import numpy as np
from chromadb.api import ClientAPI
from chromadb.config import Settings
from chromadb.errors import ChromaError

from retriever.errors import IsthmusError
from retriever.models.encoder import encoder_probe, same_encoder
from retriever.models.protocols import PassageEncoder
from retriever.store.baseline import ScoreBaseline
from retriever.types import Vectors

PAGE = 1000


class VectorIndex:
    """One Chroma collection of passage vectors, which remembers the encoder that made them.

    With `fresh`, whatever was in a collection of that name is deleted first.
    Raises IsthmusError if the collection was made by another encoder, or the server cannot be reached.
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
        self._encoder = encoder
        self._client = client = _client(path, url)
        if fresh and name in {collection.name for collection in client.list_collections()}:
            client.delete_collection(name)
        probe = encoder_probe(encoder)
        metadata = {"encoder": encoder.name, "probe": json.dumps([round(float(value), 5) for value in probe])}
        self._collection = client.get_or_create_collection(
            name, metadata=metadata, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )
        known = self._collection.metadata or {}
        if not same_encoder(np.asarray(json.loads(known.get("probe", "[]")), dtype=np.float32), probe):
            where = path or url
            raise IsthmusError(
                f"The vectors in {where} were made by the encoder {known.get('encoder')!r}, not by {encoder.name!r} as "
                "it is now. Set the encoder back, or delete that folder or collection: they are made anew at the next "
                "start."
            )
        self._batch = client.get_max_batch_size()

    def add(self, passages: Sequence[tuple[str, str, str]], vectors: Vectors) -> None:
        """Store vectors[i] for passages[i] = (passage id, document id, language)."""
        size = min(self._batch, PAGE)
        for start in range(0, len(passages), size):
            rows = passages[start : start + size]
            self._collection.upsert(
                ids=[row[0] for row in rows],
                embeddings=cast(Any, vectors[start : start + size]),
                metadatas=[{"document": row[1], "language": row[2]} for row in rows],
            )

    def delete(self, ids: Iterable[str]) -> None:
        """Forget passages; unknown ids are ignored."""
        listed = list(ids)
        for start in range(0, len(listed), PAGE):
            self._collection.delete(ids=listed[start : start + PAGE])

    def search(self, vector: Vectors, k: int, where: Mapping[str, Any] | None = None) -> list[tuple[str, float]]:
        """The k nearest passages as (id, cosine), best first; `where` is a Chroma metadata filter."""
        found = self._collection.query(
            query_embeddings=cast(Any, vector[None, :]),
            n_results=k,
            where=cast(Any, where),
            include=["distances"],
        )
        distances = (found["distances"] or [[]])[0]
        return [(id_, 1.0 - float(distance)) for id_, distance in zip(found["ids"][0], distances, strict=True)]

    def sample_baseline(self, size: int) -> ScoreBaseline:
        """Up to `size` of the stored vectors."""
        found = self._collection.get(limit=size, include=["embeddings", "metadatas"])
        languages = tuple(str(row["language"]) for row in found["metadatas"] or [])
        vectors = found["embeddings"] if languages else np.zeros((0, 1))
        return ScoreBaseline(np.asarray(vectors, dtype=np.float32), languages)

    def read(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The stored vectors of passages; those that are not there, or that Chroma cannot give, are left out.

        Chroma, killed while it writes, can list an id and have no vector for it.
        """
        if not ids:
            return {}
        try:
            found = self._collection.get(ids=list(ids), include=["embeddings"])
        except ChromaError:
            half = len(ids) // 2
            return self.read(ids[:half]) | self.read(ids[half:]) if half else {}
        vectors = np.asarray(found["embeddings"] if found["ids"] else [], dtype=np.float32)
        return dict(zip(found["ids"], vectors, strict=True))

    def close(self) -> None:
        """Let go of the store; whoever opens it next in this process sees what others wrote meanwhile."""
        cast(Any, self._client).close()

    def drop(self) -> None:
        """Delete the whole collection."""
        self._client.delete_collection(self._collection.name)

    def ids(self) -> set[str]:
        """Every stored passage id."""
        known: set[str] = set()
        for offset in itertools.count(0, PAGE):
            page = self._collection.get(limit=PAGE, offset=offset, include=[])["ids"]
            known.update(page)
            if len(page) < PAGE:
                return known
        return known

    def __len__(self) -> int:
        return self._collection.count()


def _client(path: Path | None, url: str | None) -> ClientAPI:
    quiet = Settings(anonymized_telemetry=False)
    if url is None:
        return chromadb.PersistentClient(path=str(path), settings=quiet)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise IsthmusError(f"The Chroma address {url!r} is no http(s) URL; give one like http://127.0.0.1:8001.")
    try:
        return chromadb.HttpClient(
            host=parts.hostname,
            port=parts.port or (443 if parts.scheme == "https" else 8000),
            ssl=parts.scheme == "https",
            settings=quiet,
        )
    except (ValueError, ChromaError, OSError) as error:
        raise IsthmusError(f"No Chroma server answers at {url} ({error}). Start it, or unset chroma_url.") from error

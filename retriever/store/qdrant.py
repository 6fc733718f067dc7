"""Passage vectors and token vectors on a Qdrant server (`pip install 'isthmus[cluster]'`).

A library has two collections: one of vectors, with a new name whenever they are copied, and one of token vectors, which
stays. A point is a passage; its UUID follows from the passage's id, so that a passage written twice is stored once.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from qdrant_client import models

from retriever.errors import IsthmusError
from retriever.models.encoder import encoder_probe, same_encoder
from retriever.models.protocols import PassageEncoder
from retriever.store.baseline import ScoreBaseline
from retriever.store.qdrant_server import QdrantServer, calls_qdrant
from retriever.types import Vectors

PAGE = 1000
"""Passages in one answer that holds ids, or one vector each."""
READ_PAGE = 50
"""Passages in one answer that may hold token vectors."""
REQUEST_NUMBERS = 1_000_000
"""Most numbers of vectors in one request: 20 MB as JSON, and a server takes 32."""


class QdrantPoints:
    """The points of one collection, with what their two kinds have in common; see VectorStore and TokenStore."""

    def __init__(self, server: QdrantServer, name: str) -> None:
        self.place = server.place
        self._client = server.client
        self._name = name

    @calls_qdrant
    def delete(self, ids: Iterable[str]) -> None:
        """Delete passages; unknown ids are ignored."""
        points = _point_ids(ids)
        for start in range(0, len(points), PAGE):
            self._client.delete(self._name, points[start : start + PAGE])

    @calls_qdrant
    def read(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The stored vectors by passage id; unknown ids are left out."""
        rows: dict[str, Vectors] = {}
        points = _point_ids(ids)
        for start in range(0, len(points), READ_PAGE):
            part = points[start : start + READ_PAGE]
            for point in self._client.retrieve(self._name, part, with_payload=True, with_vectors=True):
                rows[_payload(point)["passage"]] = np.asarray(point.vector, dtype=np.float32)
        return rows

    @calls_qdrant
    def ids(self) -> set[str]:
        """Every stored passage id."""
        ids: set[str] = set()
        start: Any = None
        while True:
            points, start = self._client.scroll(self._name, limit=PAGE, offset=start, with_payload=["passage"])
            ids.update(_payload(point)["passage"] for point in points)
            if start is None:
                return ids

    @calls_qdrant
    def count(self) -> int:
        """Number of stored passages."""
        return self._client.count(self._name, exact=True).count

    def close(self) -> None:
        """Change nothing: the connection is the library's."""

    def _stored_probe(self) -> Vectors:
        return np.asarray(self._metadata().get("probe", []), dtype=np.float32)

    def _metadata(self) -> dict[str, Any]:
        return self._client.get_collection(self._name).config.metadata or {}

    def _upsert(self, points: Sequence[models.PointStruct], numbers: Sequence[int]) -> None:
        """Write points, of which each has so many `numbers`, in requests that a server takes."""
        start = total = 0
        for end, count in enumerate(numbers):
            if end > start and total + count > REQUEST_NUMBERS:
                self._client.upsert(self._name, points[start:end])
                start, total = end, 0
            total += count
        if points:
            self._client.upsert(self._name, points[start:])


class QdrantVectors(QdrantPoints):
    """A VectorStore: one collection of passage vectors, which records the encoder that made them.

    With `fresh` an old collection of that name is deleted first. Raises IsthmusError if the collection was made by
    another encoder.
    """

    def __init__(self, server: QdrantServer, encoder: PassageEncoder, name: str, *, fresh: bool = False) -> None:
        super().__init__(server, name)
        self._open(encoder, fresh=fresh)

    @calls_qdrant
    def _open(self, encoder: PassageEncoder, *, fresh: bool) -> None:
        if fresh:
            self._client.delete_collection(self._name)
        probe = encoder_probe(encoder)
        if not self._client.collection_exists(self._name):
            self._client.create_collection(
                self._name,
                models.VectorParams(size=len(probe), distance=models.Distance.COSINE),
                metadata={"encoder": encoder.name, "probe": _numbers(probe)},
            )
        for field in ("language", "document"):
            self._client.create_payload_index(self._name, field, models.PayloadSchemaType.KEYWORD)
        if not same_encoder(self._stored_probe(), probe):
            raise IsthmusError(
                f"The vectors in {self._name} on {self.place} were made by the encoder "
                f"{self._metadata().get('encoder')!r}, not by {encoder.name!r} as it is now. Set the encoder back, or "
                "delete that collection: they are made anew at the next start."
            )

    @calls_qdrant
    def add(self, passages: Sequence[tuple[str, str, str]], vectors: Vectors) -> None:
        """See VectorStore."""
        points = [
            models.PointStruct(
                id=point_id(id_),
                vector=row.tolist(),
                payload={"passage": id_, "document": document, "language": language},
            )
            for (id_, document, language), row in zip(passages, vectors, strict=True)
        ]
        self._upsert(points, [vectors.shape[1]] * len(points))

    @calls_qdrant
    def search(self, vector: Vectors, k: int, where: Mapping[str, Any] | None = None) -> list[tuple[str, float]]:
        """See VectorStore."""
        result = self._client.query_points(
            self._name, vector.tolist(), query_filter=_filter(where or {}), limit=k, with_payload=["passage"]
        )
        return [(_payload(point)["passage"], point.score) for point in result.points]

    @calls_qdrant
    def sample_baseline(self, size: int) -> ScoreBaseline:
        """See VectorStore."""
        points, _ = self._client.scroll(self._name, limit=size, with_payload=["language"], with_vectors=True)
        languages = tuple(str(_payload(point)["language"]) for point in points)
        vectors = [point.vector for point in points] if points else np.zeros((0, 1))
        return ScoreBaseline(np.asarray(vectors, dtype=np.float32), languages)

    @calls_qdrant
    def drop_others(self, is_leftover: Callable[[str], bool]) -> None:
        """See VectorStore."""
        for collection in self._client.get_collections().collections:
            if collection.name != self._name and is_leftover(collection.name):
                self._client.delete_collection(collection.name)

    def __len__(self) -> int:
        return self.count()


class QdrantTokenVectors(QdrantPoints):
    """A TokenStore: one collection of multivectors, which Qdrant compares by MaxSim.

    Those of another encoder than `encoder` are deleted. They have no graph, since they only re-rank; a server keeps
    them on disk, and compares copies of 4 bits, which rank as well (`python -m benchmarks.token_bits`).
    """

    def __init__(self, server: QdrantServer, encoder: PassageEncoder, library_id: str) -> None:
        super().__init__(server, f"isthmus-tokens-{library_id}")
        self._open(encoder_probe(encoder))

    @calls_qdrant
    def _open(self, probe: Vectors) -> None:
        if self._client.collection_exists(self._name) and not same_encoder(self._stored_probe(), probe):
            self._client.delete_collection(self._name)
        if not self._client.collection_exists(self._name):
            self._client.create_collection(
                self._name,
                models.VectorParams(
                    size=len(probe),
                    distance=models.Distance.COSINE,
                    multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
                    hnsw_config=models.HnswConfigDiff(m=0),
                    on_disk=True,
                    datatype=models.Datatype.FLOAT16,
                    quantization_config=models.TurboQuantization(
                        turbo=models.TurboQuantQuantizationConfig(bits=models.TurboQuantBitSize.BITS4)
                    ),
                ),
                metadata={"probe": _numbers(probe)},
            )

    @calls_qdrant
    def add(self, rows: Mapping[str, Vectors]) -> None:
        """See TokenStore."""
        points = [
            models.PointStruct(id=point_id(id_), vector=tokens.tolist(), payload={"passage": id_})
            for id_, tokens in rows.items()
        ]
        self._upsert(points, [tokens.size for tokens in rows.values()])

    @calls_qdrant
    def max_similarities(self, query: Vectors, ids: Sequence[str]) -> dict[str, float]:
        """See TokenStore. Qdrant adds up over the query's tokens, where we take the mean."""
        if not ids:
            return {}
        result = self._client.query_points(
            self._name,
            query.tolist(),
            query_filter=models.Filter(must=[models.HasIdCondition(has_id=_point_ids(ids))]),
            search_params=models.SearchParams(quantization=models.QuantizationSearchParams(rescore=False)),
            limit=len(ids),
            with_payload=["passage"],
        )
        return {_payload(point)["passage"]: point.score / len(query) for point in result.points}


def point_id(passage_id: str) -> str:
    """The UUID of a passage's point."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, passage_id))


def _point_ids(passage_ids: Iterable[str]) -> list[models.ExtendedPointId]:
    return [point_id(id_) for id_ in passage_ids]


def _payload(point: models.Record | models.ScoredPoint) -> dict[str, Any]:
    return point.payload or {}


def _numbers(vector: Vectors) -> list[float]:
    return [round(float(value), 5) for value in vector]


def _filter(where: Mapping[str, Any]) -> models.Filter:
    """The filter of VectorStore in Qdrant's words."""
    must: list[models.Condition] = []
    must_not: list[models.Condition] = []
    for field, value in where.items():
        if isinstance(value, Mapping):
            excluded = models.MatchAny(any=list(value["$nin"]))
            must_not.append(models.FieldCondition(key=field, match=excluded))
        else:
            must.append(models.FieldCondition(key=field, match=models.MatchValue(value=value)))
    return models.Filter(must=must, must_not=must_not)

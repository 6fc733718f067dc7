"""Qdrant's own engine in this process (package qdrant-edge-py), behind the methods of its client that Isthmus calls.

The client's local mode is a program of its own in Python, which compares everything with everything. Here the server's
graph, quantisation and filters are at work, without its network, its log of several writers and its background work:
`optimize` builds the graphs and the quantised copies, which a server does by itself.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import qdrant_edge as edge
from qdrant_client import QdrantClient, models
from qdrant_client.http.models import QueryResponse

from retriever.store.qdrant_server import QdrantServer

METADATA = "metadata.json"


@dataclass(frozen=True, slots=True)
class EdgeCollection:
    """One collection: a shard on disk, and what its maker noted of it."""

    folder: Path
    shard: edge.EdgeShard
    metadata: dict[str, Any]


class EdgeClient:
    """Collections in the subfolders of `folder`; a folder that was used before has what was written.

    Segments of more than `indexing_threshold` kB of vectors get a graph and quantised copies by `optimize`.
    """

    def __init__(self, folder: Path, indexing_threshold: int = 10_000) -> None:
        self._folder = folder
        self._optimizers = edge.EdgeOptimizersConfig(indexing_threshold=indexing_threshold)
        self._collections = {
            file.parent.name: EdgeCollection(
                file.parent, edge.EdgeShard.load(str(file.parent / "shard")), json.loads(file.read_text("utf-8"))
            )
            for file in sorted(folder.glob(f"*/{METADATA}"))
        }

    def get_collections(self) -> models.CollectionsResponse:
        """The names of all collections."""
        names = [models.CollectionDescription(name=name) for name in self._collections]
        return models.CollectionsResponse(collections=names)

    def collection_exists(self, name: str) -> bool:
        """Whether there is a collection of this name."""
        return name in self._collections

    def get_collection(self, name: str) -> models.CollectionInfo:
        """What its maker noted; the rest is made up."""
        return models.CollectionInfo(
            status=models.CollectionStatus.GREEN,
            optimizer_status=models.OptimizersStatusOneOf.OK,
            segments_count=1,
            config=models.CollectionConfig(
                params=models.CollectionParams(),
                hnsw_config=models.HnswConfig(m=16, ef_construct=100, full_scan_threshold=10_000),
                optimizer_config=models.OptimizersConfig(
                    deleted_threshold=0.2, vacuum_min_vector_number=1000, default_segment_number=0, flush_interval_sec=5
                ),
                metadata=self._collections[name].metadata,
            ),
            payload_schema={},
        )

    def create_collection(self, name: str, vectors: models.VectorParams, metadata: dict[str, Any]) -> bool:
        """A new, empty collection."""
        folder = self._folder / name
        (folder / "shard").mkdir(parents=True)
        config = edge.EdgeConfig(vectors=_vector_params(vectors), optimizers=self._optimizers)
        shard = edge.EdgeShard.create(str(folder / "shard"), config)
        (folder / METADATA).write_text(json.dumps(metadata), "utf-8")
        self._collections[name] = EdgeCollection(folder, shard, metadata)
        return True

    def delete_collection(self, name: str) -> bool:
        """Delete a collection, if there is one."""
        if collection := self._collections.pop(name, None):
            collection.shard.close()
            shutil.rmtree(collection.folder)
        return collection is not None

    def create_payload_index(self, name: str, field: str, schema: models.PayloadSchemaType) -> models.UpdateResult:
        """Make a field quick to filter by; Isthmus knows fields of keywords alone."""
        assert schema is models.PayloadSchemaType.KEYWORD
        return self._update(name, edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))

    def upsert(self, name: str, points: Sequence[models.PointStruct]) -> models.UpdateResult:
        """Write points, in place of those with their ids."""
        rows = [edge.Point(point.id, cast(Any, point.vector), point.payload) for point in points]
        return self._update(name, edge.UpdateOperation.upsert_points(rows))

    def delete(self, name: str, points: Sequence[Any] | models.PointIdsList) -> models.UpdateResult:
        """Delete points; unknown ids are ignored."""
        ids = points.points if isinstance(points, models.PointIdsList) else points
        return self._update(name, edge.UpdateOperation.delete_points(list(ids)))

    def retrieve(self, name: str, ids: Sequence[Any], *, with_payload: bool, with_vectors: bool) -> list[models.Record]:
        """The points with these ids; unknown ids are left out."""
        return [_record(row) for row in self._shard(name).retrieve(list(ids), with_payload, with_vectors)]

    def scroll(
        self,
        name: str,
        *,
        limit: int,
        offset: Any = None,
        with_payload: Sequence[str] | bool = True,
        with_vectors: bool = False,
    ) -> tuple[list[models.Record], Any]:
        """A page of all points by id, and where the next one begins."""
        rows, following = self._shard(name).scroll(
            edge.ScrollRequest(
                offset=offset, limit=limit, with_payload=_payload(with_payload), with_vector=with_vectors
            )
        )
        return [_record(row) for row in rows], following and str(following)

    def count(self, name: str, *, exact: bool = True) -> models.CountResult:
        """Number of points."""
        return models.CountResult(count=self._shard(name).count(edge.CountRequest(exact=exact)))

    def query_points(
        self,
        name: str,
        query: list[Any] | models.NearestQuery,
        *,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        limit: int = 10,
        with_payload: Sequence[str] | bool = True,
    ) -> QueryResponse:
        """The nearest points, or by MaxSim where the query is a list of vectors."""
        request = edge.QueryRequest(
            limit=limit,
            query=edge.Query.Nearest(cast(Any, query.nearest) if isinstance(query, models.NearestQuery) else query),
            filter=_filter(query_filter) if query_filter else None,
            with_payload=_payload(with_payload),
            params=_search_params(search_params),
        )
        points = [
            models.ScoredPoint(id=str(row.id), version=row.version, score=row.score, payload=row.payload)
            for row in self._shard(name).query(request)
        ]
        return QueryResponse(points=points)

    def optimize(self) -> None:
        """Build graphs and quantised copies of what was written."""
        for collection in self._collections.values():
            collection.shard.optimize()

    def close(self) -> None:
        """Write everything to disk, and let go of it."""
        for collection in self._collections.values():
            collection.shard.close()
        self._collections.clear()

    def _shard(self, name: str) -> edge.EdgeShard:
        return self._collections[name].shard

    def _update(self, name: str, operation: edge.UpdateOperation) -> models.UpdateResult:
        self._shard(name).update(operation)
        return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)


def engine(client: EdgeClient) -> QdrantServer:
    """The engine as the stores know a server."""
    return QdrantServer(cast(QdrantClient, client), "Qdrant's engine")


def _vector_params(params: models.VectorParams) -> edge.EdgeVectorParams:
    multi, graph = params.multivector_config, params.hnsw_config
    no_graph = edge.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000)
    return edge.EdgeVectorParams(
        size=params.size,
        distance=getattr(edge.Distance, params.distance.value),
        on_disk=params.on_disk,
        multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim) if multi else None,
        datatype=getattr(edge.VectorStorageDatatype, params.datatype.value.capitalize()) if params.datatype else None,
        quantization_config=_quantization(params.quantization_config),
        hnsw_config=no_graph if graph and graph.m == 0 else None,
    )


def _quantization(config: Any) -> Any:
    match config:
        case models.ScalarQuantization():
            return edge.ScalarQuantizationConfig(type=edge.ScalarType.Int8, always_ram=config.scalar.always_ram)
        case models.TurboQuantization():
            bits = getattr(edge.TurboQuantBitSize, config.turbo.bits.value.capitalize())
            return edge.TurboQuantQuantizationConfig(always_ram=config.turbo.always_ram, bits=bits)
        case _:
            return None


def _search_params(params: models.SearchParams | None) -> edge.SearchParams | None:
    if params is None or params.quantization is None:
        return None
    return edge.SearchParams(quantization=edge.QuantizationSearchParams(rescore=params.quantization.rescore))


def _filter(where: models.Filter) -> edge.Filter:
    return edge.Filter(must=_conditions(where.must), must_not=_conditions(where.must_not))


def _conditions(conditions: Any) -> list[Any]:
    return [_condition(condition) for condition in conditions or []]


def _condition(condition: Any) -> Any:
    match condition:
        case models.HasIdCondition():
            return edge.HasIdCondition(set(condition.has_id))
        case models.FieldCondition(match=models.MatchAny() as match_):
            return edge.FieldCondition(key=condition.key, match=edge.MatchAny([str(value) for value in match_.any]))
        case _:
            return edge.FieldCondition(key=condition.key, match=edge.MatchValue(condition.match.value))


def _payload(with_payload: Sequence[str] | bool) -> Any:
    return with_payload if isinstance(with_payload, bool) else edge.PayloadSelector.Include(list(with_payload))


def _record(row: edge.Record) -> models.Record:
    return models.Record(id=str(row.id), payload=row.payload, vector=_vector(row.vector))


def _vector(vector: Any) -> Any:
    return vector.get("") if isinstance(vector, Mapping) else vector

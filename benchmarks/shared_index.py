"""Stages of search over one index, each query understood once: where many languages are measured and nothing is timed.

They find what `benchmarks.stages` finds; those index and embed for each stage anew, as a library with that stage would.
"""

import tempfile
from pathlib import Path

from retriever.evaluation import System, Task
from retriever.evaluation.metrics import Run
from retriever.evaluation.systems import DEPTH, HYBRID_DEPTH, index_pool, late_interaction_reranker
from retriever.models.encoder import Encoder
from retriever.search.retriever import CrossLingualRetriever
from retriever.search.understanding import understand
from retriever.store.collection import Collection
from retriever.types import Query


class SharedIndex:
    """An index of each pool, on disk while this object lives, and the queries that were understood."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._collections: dict[str, Collection] = {}
        self._queries: dict[str, Query] = {}

    def collection(self, task: Task) -> Collection:
        """The index of the task's pool."""
        if task.pool not in self._collections:
            folder = Path(self._folder.name, str(len(self._collections)))
            folder.mkdir()
            self._collections[task.pool] = index_pool(folder, self.encoder, task.passages)
        return self._collections[task.pool]

    def query(self, text: str) -> Query:
        """The text as a query; its language is detected, as in the product."""
        if text not in self._queries:
            self._queries[text] = understand(text, self.encoder)
        return self._queries[text]


class DenseStage:
    """Search by the cosine of whole vectors."""

    name = "dense"

    def __init__(self, index: SharedIndex) -> None:
        self._index = index

    def rank(self, task: Task) -> Run:
        """See System."""
        collection = self._index.collection(task)
        return {
            id_: dict(collection.nearest(self._index.query(query.text).vector, DEPTH))
            for id_, query in task.queries.items()
        }


class HybridStage:
    """Dense search and BM25; re-ranked by token vectors it is the product."""

    def __init__(self, index: SharedIndex, name: str, *, is_reranked: bool) -> None:
        self.name = name
        self._index = index
        self._is_reranked = is_reranked

    def rank(self, task: Task) -> Run:
        """See System."""
        collection = self._index.collection(task)
        reranker = late_interaction_reranker(collection.tokens) if self._is_reranked else None
        retriever = CrossLingualRetriever(encoder=self._index.encoder, index=collection, reranker=reranker)
        run: Run = {}
        for id_, query in task.queries.items():
            hits = retriever.search(self._index.query(query.text), HYBRID_DEPTH)
            run[id_] = {hit.passage.id: hit.score for hit in hits}
        return run


def shared_stages(encoder: Encoder) -> list[System]:
    """Dense search, with BM25 beside it, and re-ranked as a library does it."""
    index = SharedIndex(encoder)
    return [
        DenseStage(index),
        HybridStage(index, "hybrid", is_reranked=False),
        HybridStage(index, "isthmus", is_reranked=True),
    ]

"""The retrieval systems that an evaluation measures: dense, BM25, and the search that Isthmus ships."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from retriever.evaluation.metrics import Run
from retriever.evaluation.tasks import Pool, Task
from retriever.models.encoder import Encoder
from retriever.models.protocols import TextEncoder
from retriever.search.late_interaction import LateInteraction
from retriever.search.rerankers import Reranker
from retriever.search.retriever import CrossLingualRetriever
from retriever.store.collection import Collection
from retriever.store.ports import TokenStore
from retriever.store.words import WordIndex
from retriever.types import Document, Passage, Rewrite, Vectors

DEPTH = 100
"""Passages kept for each query by dense and BM25 search alone."""
HYBRID_DEPTH = 10
"""Passages kept for each query by hybrid search, as in a library."""


class System(Protocol):
    """Ranks a pool of passages for queries."""

    name: str

    def rank(self, task: Task) -> Run:
        """The scores of the best passages of each query: HYBRID_DEPTH of them in hybrid search, else DEPTH."""
        ...


class DenseSearch:
    """Exact search by the cosine of an encoder's vectors."""

    def __init__(self, encoder: Encoder, name: str = "dense") -> None:
        self.name = name
        self.encoder = encoder
        self._pools: dict[str, tuple[list[str], Vectors]] = {}

    def passages(self, task: Task) -> tuple[list[str], Vectors]:
        """Ids and vectors of the task's pool; tasks that share a pool share its vectors."""
        if task.pool not in self._pools:
            texts = [passage.text for passage in task.passages.values()]
            self._pools[task.pool] = (list(task.passages), self.encoder.encode_passages(texts))
        return self._pools[task.pool]

    def rank(self, task: Task) -> Run:
        """See System."""
        ids, vectors = self.passages(task)
        queries = self.encoder.encode_queries([query.text for query in task.queries.values()])
        return best_passages(list(task.queries), ids, queries @ vectors.T)


class BM25Search:
    """BM25 search with the whole query."""

    def __init__(self, name: str = "bm25") -> None:
        self.name = name
        self._indexes: dict[str, WordIndex] = {}

    def rank(self, task: Task) -> Run:
        """See System."""
        if task.pool not in self._indexes:
            self._indexes[task.pool] = WordIndex.of_texts(passage.text for passage in task.passages.values())
        ids, index = list(task.passages), self._indexes[task.pool]
        return {
            query_id: {ids[number]: score for number, score in index.search(query.text, DEPTH)}
            for query_id, query in task.queries.items()
        }


RerankerFactory = Callable[[TokenStore | None], Reranker | None]
"""Builds the re-ranker of a collection from its stored token vectors."""


def late_interaction_reranker(tokens: TokenStore | None) -> Reranker | None:
    """The default re-ranker: late interaction, or none without token vectors."""
    return LateInteraction(tokens.max_similarities) if tokens else None


def no_reranker(_: TokenStore | None) -> None:
    """No re-ranker: hits stay in the order of the fusion."""


class HybridSearch:
    """The search that Isthmus ships, not a copy of it: a CrossLingualRetriever over a Collection on disk.

    `keep_tokens` stores token vectors, which the default re-ranker needs. `seconds` has the time of each search.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        name: str = "isthmus",
        *,
        rewrites: Sequence[Rewrite] = (),
        reranker: RerankerFactory = late_interaction_reranker,
        keep_tokens: bool = True,
    ) -> None:
        self.name = name
        self.encoder = encoder
        self.seconds: list[float] = []
        self._rewrites = rewrites
        self._reranker = reranker
        self._keep_tokens = keep_tokens
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._retrievers: dict[str, CrossLingualRetriever] = {}

    def rank(self, task: Task) -> Run:
        """See System."""
        if task.pool not in self._retrievers:
            self._retrievers[task.pool] = self._index(task)
        retriever = self._retrievers[task.pool]
        run: Run = {}
        for id_, query in tqdm(task.queries.items(), desc=f"{task.direction} {task.language}", disable=None):
            start = time.perf_counter()
            hits = retriever.search(retriever.understand(query.text), HYBRID_DEPTH)
            self.seconds.append(time.perf_counter() - start)
            run[id_] = {hit.passage.id: hit.score for hit in hits}
        return run

    def _index(self, task: Task) -> CrossLingualRetriever:
        folder = Path(self._folder.name, str(len(self._retrievers)))
        folder.mkdir()
        collection = index_pool(folder, self.encoder, task.passages, keep_tokens=self._keep_tokens)
        return CrossLingualRetriever(
            encoder=self.encoder,
            index=collection,
            rewrites=self._rewrites,
            reranker=self._reranker(collection.tokens),
        )


def index_pool(folder: Path, encoder: TextEncoder, passages: Pool, *, keep_tokens: bool = True) -> Collection:
    """A collection of a pool of passages, as one document; the caller closes it."""
    collection = Collection(folder, encoder, keep_tokens=keep_tokens)
    document = Document("pool", "pool", "", "", "und", 0, "")
    collection.write(
        document,
        [
            Passage(id_, document.id, "", text.text, None, 0, len(text.text), text.language)
            for id_, text in passages.items()
        ],
    )
    collection.refresh()
    return collection


def best_passages(queries: Sequence[str], passages: Sequence[str], scores: Vectors) -> Run:
    """The DEPTH best passages of each row of a (queries, passages) matrix of scores, best first.

    >>> best_passages(["q"], ["a", "b", "c"], np.float32([[0.25, 1, 0.5]]))
    {'q': {'b': 1.0, 'c': 0.5, 'a': 0.25}}
    """
    depth = min(DEPTH, len(passages))
    rankings = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    return {
        query: {passages[column]: float(row[column]) for column in ranking}
        for query, row, ranking in zip(queries, scores, rankings, strict=True)
    }

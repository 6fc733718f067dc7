"""What is measured: ways to rank a pool of passages for queries."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from tqdm import tqdm

from retriever.encoder import TURN, Encoder
from retriever.evaluation.metrics import Run
from retriever.evaluation.tasks import Pool, Task
from retriever.index import VectorIndex
from retriever.late import LateInteraction, TokenStore, embed_with_tokens
from retriever.lexical import LexicalIndex
from retriever.rerank import Reranker
from retriever.search import CrossLingualRetriever, Rewrite
from retriever.types import Passage, Vectors

DEPTH = 100
"""Passages kept for each query."""


class System(Protocol):
    """A ranking of passages for queries."""

    name: str

    def rank(self, task: Task) -> Run:
        """For each query the scores of its best DEPTH passages."""
        ...


class Dense:
    """Cosine of an encoder's vectors, exact."""

    def __init__(self, encoder: Encoder, name: str = "dense") -> None:
        self.name = name
        self.encoder = encoder
        self._pools: dict[str, tuple[list[str], Vectors]] = {}

    def passages(self, task: Task) -> tuple[list[str], Vectors]:
        """Ids and vectors of the task's pool, embedded once for all tasks that share it."""
        if task.pool not in self._pools:
            texts = [passage.text for passage in task.passages.values()]
            self._pools[task.pool] = (list(task.passages), self.encoder.encode_passages(texts))
        return self._pools[task.pool]

    def rank(self, task: Task) -> Run:
        """See System."""
        ids, vectors = self.passages(task)
        queries = self.encoder.encode_queries([query.text for query in task.queries.values()])
        return best(list(task.queries), ids, queries @ vectors.T)


class Lexical:
    """BM25 of the whole query."""

    def __init__(self, name: str = "bm25") -> None:
        self.name = name
        self._indexes: dict[str, LexicalIndex] = {}

    def rank(self, task: Task) -> Run:
        """See System."""
        if task.pool not in self._indexes:
            texts = [passage.text for passage in task.passages.values()]
            self._indexes[task.pool] = LexicalIndex.build(list(task.passages), texts)
        index = self._indexes[task.pool]
        return {id_: dict(index.search(query.text, DEPTH)) for id_, query in task.queries.items()}


class Product:
    """What a library does: CrossLingualRetriever over Chroma and BM25 on disk.

    `rerank` is "late" for the encoder's token vectors, None, or a Reranker. `seconds` has the time of each search.
    """

    def __init__(
        self,
        encoder: Encoder,
        name: str = "isthmus",
        rewrites: Sequence[Rewrite] = (),
        rerank: Reranker | Literal["late"] | None = "late",
    ) -> None:
        self.name = name
        self.encoder = encoder
        self._rewrites = rewrites
        self._rerank = rerank
        self.seconds: list[float] = []
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._retrievers: dict[str, CrossLingualRetriever] = {}

    def rank(self, task: Task) -> Run:
        """See System."""
        if task.pool not in self._retrievers:
            self._retrievers[task.pool] = self._index(task)
        retriever = self._retrievers[task.pool]
        run: Run = {}
        for id_, query in tqdm(task.queries.items(), desc=f"{task.direction} {task.language}", disable=None):
            began = time.perf_counter()
            hits = retriever.search(query.text, 10)
            self.seconds.append(time.perf_counter() - began)
            run[id_] = {hit.passage.id: hit.score for hit in hits}
        return run

    def _index(self, task: Task) -> CrossLingualRetriever:
        number = len(self._retrievers)
        vectors = VectorIndex(self.encoder, path=Path(self._folder.name, "vectors"), name=f"pool-{number}")
        rows = [(id_, "d", passage.language) for id_, passage in task.passages.items()]
        texts = [passage.text for passage in task.passages.values()]
        lexical = LexicalIndex.build(list(task.passages), texts)
        reranker: Reranker | None
        if self._rerank == "late":
            tokens = TokenStore()
            for start in range(0, len(rows), TURN):
                turn = slice(start, start + TURN)
                ids = [row[0] for row in rows[turn]]
                vectors.add(rows[turn], embed_with_tokens(self.encoder, tokens, ids, texts[turn]))
            reranker = LateInteraction(self.encoder, tokens.read)
        else:
            vectors.add(rows, self.encoder.encode_passages(texts))
            reranker = self._rerank
        return CrossLingualRetriever(
            encoder=self.encoder,
            vectors=vectors,
            lexical=lexical,
            store=_Store(task.passages),
            rewrites=self._rewrites,
            reranker=reranker,
        )


class _Store:
    """A pool as the retriever's PassageStore."""

    def __init__(self, pool: Pool) -> None:
        self._passages = {
            id_: Passage(id_, "d", "", text.text, None, 0, len(text.text), text.language) for id_, text in pool.items()
        }

    def passages(self, ids: list[str]) -> dict[str, Passage]:
        return {id_: self._passages[id_] for id_ in ids}

    def languages(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for passage in self._passages.values():
            counts[passage.language] = counts.get(passage.language, 0) + 1
        return counts


def best(queries: Sequence[str], passages: Sequence[str], scores: Vectors) -> Run:
    """The DEPTH best passages of each row of a (queries, passages) matrix of scores."""
    depth = min(DEPTH, len(passages))
    top = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    return {
        query: {passages[p]: float(row[p]) for p in ranked}
        for query, row, ranked in zip(queries, scores, top, strict=True)
    }

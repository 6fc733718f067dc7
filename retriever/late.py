"""Late interaction: each token of a query against its nearest token of a passage, with the encoder's own vectors.

ColBERT's MaxSim (Khattab and Zaharia, arXiv 2004.12832) without ColBERT: an encoder trained to make one vector of a
text has token vectors that find the right passage more often than their mean does (`python -m benchmarks.retrieval`).
"""

import functools
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import ThreadpoolController

from retriever.backends.tokens import unit
from retriever.encoder import Encoder, same_encoder
from retriever.transaction import Transaction
from retriever.types import Passage, Vectors

POOLING = 2
"""Tokens of a passage to one stored vector (token pooling, arXiv 2409.14683); 2 loses .4 points of R@1, 3 .7."""
PAGE = 500


def max_similarities(query: Vectors, passages: Sequence[Vectors]) -> list[float]:
    """For each passage the mean over the query's tokens of their greatest cosine to one of its tokens.

    All (tokens, width), unit rows, at least one row each.
    """
    if not passages:
        return []
    starts = np.cumsum([0, *(len(passage) for passage in passages[:-1])])
    with _threads().limit(limits=1, user_api="blas"):  # more would spin, and take the cores from the encoder's
        cosines = query @ np.concatenate(passages).T
    return [float(score) for score in np.maximum.reduceat(cosines, starts, axis=1).mean(axis=0)]


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def pooled(tokens: Vectors) -> Vectors:
    """(tokens, width) unit rows to a POOLINGth as many: means of the clusters that Ward's method finds, unit rows."""
    from scipy.cluster.hierarchy import fcluster, linkage

    wanted = -(-len(tokens) // POOLING)
    if wanted == len(tokens):
        return tokens
    labels = fcluster(linkage(tokens, "ward"), wanted, "maxclust")
    sums = np.zeros((labels.max(), tokens.shape[1]), dtype=np.float32)
    np.add.at(sums, labels - 1, tokens)
    return unit(sums)


def pack(tokens: Vectors) -> bytes:
    """Unit rows as 8-bit integers: each row by its largest component, since only its direction counts."""
    largest = np.abs(tokens).max(axis=1, keepdims=True)
    packed: bytes = np.round(tokens / np.maximum(largest, 1e-9) * 127).astype(np.int8).tobytes()
    return packed


def unpack(data: bytes, width: int) -> Vectors:
    """The unit rows that `pack` packed, (tokens, width); packs may follow each other."""
    return unit(np.frombuffer(data, dtype=np.int8).reshape(-1, width).astype(np.float32))


class TokenStore:
    """Packed token vectors by passage id, in an SQLite file, or in memory if there is no path."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, width INTEGER, packed BLOB)")
        self._db.execute("CREATE TABLE IF NOT EXISTS encoder (probe BLOB)")

    def claim(self, probe: Vectors) -> None:
        """Make it an encoder's, by its `probe_of`: what another one made is forgotten."""
        with self._lock, Transaction(self._db):
            known = self._db.execute("SELECT probe FROM encoder").fetchone()
            if known and same_encoder(np.frombuffer(known[0], dtype=np.float32), probe):
                return
            if known:
                self._db.execute("DELETE FROM tokens")
            self._db.execute("DELETE FROM encoder")
            self._db.execute("INSERT INTO encoder VALUES (?)", (probe.tobytes(),))

    def add(self, rows: Mapping[str, Vectors]) -> None:
        """Store the token vectors of passages, pooled, all of them or none."""
        packed = [(id_, tokens.shape[1], pack(pooled(tokens))) for id_, tokens in rows.items()]
        with self._lock, Transaction(self._db):
            self._db.executemany("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)", packed)

    def read(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The token vectors of passages; ids that are not there are left out."""
        found: dict[str, Vectors] = {}
        for start in range(0, len(ids), PAGE):
            part = list(ids[start : start + PAGE])
            marks = ",".join("?" * len(part))
            with self._lock:
                rows = self._db.execute(f"SELECT * FROM tokens WHERE id IN ({marks})", part).fetchall()  # noqa: S608
            if rows:  # all at once: thirty small arrays take five times as long
                together = unpack(b"".join(data for _, _, data in rows), rows[0][1])
                ends = np.cumsum([len(data) // width for _, width, data in rows])
                split = np.split(together, ends[:-1])
                found.update((id_, own) for (id_, _, _), own in zip(rows, split, strict=True))
        return found

    def delete(self, ids: Iterable[str]) -> None:
        """Forget passages; unknown ids are ignored."""
        with self._lock, Transaction(self._db):
            self._db.executemany("DELETE FROM tokens WHERE id = ?", [(id_,) for id_ in ids])

    def ids(self) -> set[str]:
        """Every stored passage id."""
        with self._lock:
            return {row[0] for row in self._db.execute("SELECT id FROM tokens")}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def embed_with_tokens(encoder: Encoder, store: TokenStore, ids: Sequence[str], texts: Sequence[str]) -> Vectors:
    """The passages' vectors, (len(texts), dimensions); those of their tokens go into the store, in the same pass."""
    vectors, tokens = encoder.encode_passage_tokens(texts)
    store.add(dict(zip(ids, tokens, strict=True)))
    return vectors


class LateInteraction:
    """A Reranker by MaxSim of the encoder's token vectors; those of passages come from the store."""

    depth = 30

    def __init__(self, encoder: Encoder, read: Callable[[Sequence[str]], Mapping[str, Vectors]]) -> None:
        self._encoder = encoder
        self._read = read

    def scores(self, query: str, passages: Sequence[Passage]) -> list[float]:
        """See Reranker."""
        tokens = self._encoder.encode_query_tokens(query)
        stored = self._read([passage.id for passage in passages])
        gone = np.zeros_like(tokens[:1])  # a passage that was removed a moment ago is like nothing
        return max_similarities(tokens, [stored.get(passage.id, gone) for passage in passages])

"""Vectors of passages' tokens, pooled and packed into 8-bit integers, in an SQLite file."""

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from retriever.models.encoder import same_encoder
from retriever.models.normalization import normalize
from retriever.store.max_sim import max_similarities
from retriever.store.transaction import Transaction
from retriever.types import Vectors

POOLING = 2
"""Tokens of a passage to one stored vector (token pooling, arXiv 2409.14683); 2 loses .4 points of R@1, 3 .7."""
PAGE = 500
"""Rows read at a time."""


def pool_tokens(tokens: Vectors) -> Vectors:
    """A POOLINGth as many unit rows as (tokens, width): the means of the clusters that Ward's method makes."""
    from scipy.cluster.hierarchy import fcluster, linkage

    clusters = -(-len(tokens) // POOLING)
    if clusters == len(tokens):
        return tokens
    labels = fcluster(linkage(tokens, "ward"), clusters, "maxclust")
    sums = np.zeros((labels.max(), tokens.shape[1]), dtype=np.float32)
    np.add.at(sums, labels - 1, tokens)
    return normalize(sums)


def pack(tokens: Vectors) -> bytes:
    """Unit rows as 8-bit integers: each row by its largest component, since only its direction counts."""
    largest = np.abs(tokens).max(axis=1, keepdims=True)
    packed: bytes = np.round(tokens / np.maximum(largest, 1e-9) * 127).astype(np.int8).tobytes()
    return packed


def unpack(data: bytes, width: int) -> Vectors:
    """The unit rows that `pack` packed, (tokens, width); packs may follow each other."""
    return normalize(np.frombuffer(data, dtype=np.int8).reshape(-1, width).astype(np.float32))


class TokenVectorStore:
    """A TokenStore: packed token vectors in an SQLite file, or in memory if there is no path."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, width INTEGER, packed BLOB)")
            self._db.execute("CREATE TABLE IF NOT EXISTS encoder (probe BLOB)")
        except BaseException:
            self._db.close()
            raise

    def claim(self, probe: Vectors) -> None:
        """Say whose vectors these are, by `encoder_probe`; those of another encoder are deleted."""
        with self._lock, Transaction(self._db):
            known = self._db.execute("SELECT probe FROM encoder").fetchone()
            if known and same_encoder(np.frombuffer(known[0], dtype=np.float32), probe):
                return
            if known:
                self._db.execute("DELETE FROM tokens")
            self._db.execute("DELETE FROM encoder")
            self._db.execute("INSERT INTO encoder VALUES (?)", (probe.tobytes(),))

    def add(self, rows: Mapping[str, Vectors]) -> None:
        """Store the token vectors of passages, all of them or none."""
        packed = [(id_, tokens.shape[1], pack(tokens)) for id_, tokens in rows.items()]
        with self._lock, Transaction(self._db):
            self._db.executemany("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)", packed)

    def read(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The token vectors of passages; unknown ids are left out."""
        vectors: dict[str, Vectors] = {}
        for start in range(0, len(ids), PAGE):
            part = list(ids[start : start + PAGE])
            marks = ",".join("?" * len(part))
            with self._lock:
                rows = self._db.execute(f"SELECT * FROM tokens WHERE id IN ({marks})", part).fetchall()  # noqa: S608
            if rows:  # unpacked all at once: thirty small arrays take five times as long
                unpacked = unpack(b"".join(data for _, _, data in rows), rows[0][1])
                ends = np.cumsum([len(data) // width for _, width, data in rows])
                parts = np.split(unpacked, ends[:-1])
                vectors.update((id_, tokens) for (id_, _, _), tokens in zip(rows, parts, strict=True))
        return vectors

    def max_similarities(self, query: Vectors, ids: Sequence[str]) -> dict[str, float]:
        """See TokenStore."""
        stored = self.read(ids)
        known = [id_ for id_ in ids if id_ in stored]
        return dict(zip(known, max_similarities(query, [stored[id_] for id_ in known]), strict=True))

    def delete(self, ids: Iterable[str]) -> None:
        """Delete passages; unknown ids are ignored."""
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

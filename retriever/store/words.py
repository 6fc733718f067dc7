"""BM25 over passages of any script, in SQLite: passages go in and out one at a time, in the caller's transaction.

Passages have numbers, and BLOCK numbers make a block. The newest passages have a row each, with their terms and how
often these occur (`recent_words`). Once a block is full, its passages move to `postings`: a row for each term, with the
positions of the passages that have it. So adding a passage writes little however large the index is, and a search reads
a row for each block and term. Terms stand as 64-bit hashes.
"""

import functools
import hashlib
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex

from retriever.languages.words import tokenize
from retriever.types import Vectors

K1, B = 1.5, 0.75
BLOCK = 4096
"""Passages in a block; their positions fit 16 bits."""
VERSION = f"1, Unicode {unicodedata.unidata_version}, regex {regex.__version__}"
"""Of the tables and of `tokenize`: raise the number when either changes, and indexes are made anew."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS recent_words (number INTEGER PRIMARY KEY, counts BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS blocks (block INTEGER PRIMARY KEY, lengths BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS postings (
    block INTEGER NOT NULL, term INTEGER NOT NULL, passages BLOB NOT NULL, PRIMARY KEY (block, term)) WITHOUT ROWID;
"""
_COUNT = np.dtype([("term", "<i8"), ("count", "<u2")])
_POSTING = np.dtype([("position", "<u2"), ("count", "<u2")])
_LENGTH = np.dtype("<u2")
"""The terms of a passage and one more; 0 at positions without a passage."""
_MOST = 65_534
"""More terms in a passage, or the same one more often, count as so many."""

Integers = npt.NDArray[np.int64]


@functools.lru_cache(100_000)
def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "little", signed=True)


def count_words(text: str) -> bytes:
    """The terms of a text and how often they occur, as the index stores them."""
    counts = Counter(map(_hash, tokenize(text)))
    return np.array([(term, min(count, _MOST)) for term, count in counts.items()], dtype=_COUNT).tobytes()


class WordIndex:
    """BM25 (Lucene's variant, as bm25s computes it) over numbered passages, in tables of a database.

    One object writes; it keeps the lengths of passages in memory from one change to the next.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.executescript(_SCHEMA)
        self._known: _Passages | None = None

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> "WordIndex":
        """An index in memory; a text's number is its place."""
        index = cls(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None))
        index.add({number: count_words(text) for number, text in enumerate(texts)})
        return index

    @property
    def first_free(self) -> int:
        """Numbers from here on may be added, except those that are in the index."""
        return BLOCK * (int(self._db.execute("SELECT coalesce(max(block), -1) FROM blocks").fetchone()[0]) + 1)

    def add(self, counts: Mapping[int, bytes]) -> None:
        """Add passages by number; `count_words` makes the counts."""
        self._known = None
        self._db.executemany("INSERT INTO recent_words VALUES (?, ?)", counts.items())
        newest = max(counts, default=0) // BLOCK
        while oldest := self._db.execute("SELECT number FROM recent_words ORDER BY number LIMIT 1").fetchone():
            if oldest[0] // BLOCK >= newest:
                return
            self._fill(oldest[0] // BLOCK)

    def _fill(self, block: int) -> None:
        """Move the passages of a block to the postings."""
        end = (block + 1) * BLOCK
        recent = _Recent.of(self._db.execute("SELECT * FROM recent_words WHERE number < ? ORDER BY 1", (end,)))
        positions = (recent.numbers - block * BLOCK).astype(_LENGTH)
        lengths = np.zeros(BLOCK, dtype=_LENGTH)
        lengths[positions] = recent.lengths()
        order = np.argsort(recent.terms, kind="stable")
        terms, starts = np.unique(recent.terms[order], return_index=True)
        postings = np.empty(len(order), dtype=_POSTING)
        postings["position"] = positions[recent.owners][order]
        postings["count"] = recent.counts[order]
        rows = zip(terms.tolist(), starts, [*starts[1:], len(order)], strict=False)
        self._db.execute("INSERT INTO blocks VALUES (?, ?)", (block, lengths.tobytes()))
        self._db.executemany(
            "INSERT INTO postings VALUES (?, ?, ?)",
            ((block, term, postings[start:end].tobytes()) for term, start, end in rows),
        )
        self._db.execute("DELETE FROM recent_words WHERE number < ?", (end,))

    def remove(self, counts: Mapping[int, bytes]) -> None:
        """Take passages out, with the counts that they were added with."""
        self._known = None
        self._db.executemany("DELETE FROM recent_words WHERE number = ?", [(number,) for number in counts])
        for block in {number // BLOCK for number in counts}:
            row = self._db.execute("SELECT lengths FROM blocks WHERE block = ?", (block,)).fetchone()
            if row:
                self._take_out(block, np.frombuffer(row[0], dtype=_LENGTH).copy(), counts)

    def _take_out(self, block: int, lengths: npt.NDArray[np.uint16], counts: Mapping[int, bytes]) -> None:
        """Take those passages out that are in this block, whose passages have these lengths."""
        numbers = [number for number in counts if number // BLOCK == block]
        positions = [number - block * BLOCK for number in numbers]
        lengths[positions] = 0
        if not lengths.any():
            self._db.execute("DELETE FROM blocks WHERE block = ?", (block,))
            self._db.execute("DELETE FROM postings WHERE block = ?", (block,))
            return
        self._db.execute("UPDATE blocks SET lengths = ? WHERE block = ?", (lengths.tobytes(), block))
        terms = np.frombuffer(b"".join(counts[number] for number in numbers), dtype=_COUNT)["term"]
        for term in np.unique(terms).tolist():
            key = (block, term)
            (data,) = self._db.execute("SELECT passages FROM postings WHERE block = ? AND term = ?", key).fetchone()
            postings = np.frombuffer(data, dtype=_POSTING)
            kept = postings[~np.isin(postings["position"], positions)].tobytes()
            if kept:
                self._db.execute("UPDATE postings SET passages = ? WHERE block = ? AND term = ?", (kept, *key))
            else:
                self._db.execute("DELETE FROM postings WHERE block = ? AND term = ?", key)

    def clear(self) -> None:
        """Take all passages out."""
        self._known = None
        for table in ("recent_words", "blocks", "postings"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608

    def numbers(self) -> Integers:
        """The numbers of the passages in the index, ascending."""
        passages = self._read_passages()
        return passages.numbers[passages.lengths > 0]

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """The k best passages as (number, BM25 score), best first; only those that share a term with the query."""
        passages = self._known = self._known or self._read_passages()
        scores = np.zeros(len(passages.numbers), dtype=np.float32)
        for term, weight in Counter(map(_hash, tokenize(query))).items():
            indices, counts = self._postings(term, passages)
            idf = np.log1p((passages.size - len(indices) + 0.5) / (len(indices) + 0.5))
            scores[indices] += np.float32(weight * idf) * counts / (counts + passages.norms[indices])
        best = _best(scores, k)
        return list(zip(passages.numbers[best].tolist(), scores[best].tolist(), strict=True))

    def _read_passages(self) -> "_Passages":
        blocks = dict(self._db.execute("SELECT block, lengths FROM blocks ORDER BY block"))
        return _Passages.of(blocks, _Recent.of(self._db.execute("SELECT * FROM recent_words ORDER BY number")))

    def _postings(self, term: int, passages: "_Passages") -> tuple[Integers, Vectors]:
        """The indices of the passages that have a term, and how often they have it."""
        rows = self._db.execute(
            "SELECT block, passages FROM blocks CROSS JOIN postings USING (block) WHERE term = ?", (term,)
        ).fetchall()
        postings = np.frombuffer(b"".join(data for _, data in rows), dtype=_POSTING)
        starts = np.array([passages.starts[block] for block, _ in rows], dtype=np.int64)
        sizes = [len(data) // _POSTING.itemsize for _, data in rows]
        recent = passages.recent
        in_recent = np.flatnonzero(recent.terms == term)
        first_recent = len(passages.numbers) - len(recent.numbers)
        indices = [np.repeat(starts, sizes) + postings["position"], first_recent + recent.owners[in_recent]]
        counts = [postings["count"], recent.counts[in_recent]]
        return np.concatenate(indices), np.concatenate(counts).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Recent:
    """The passages that no block has yet, and the terms of all of them."""

    numbers: Integers
    terms: Integers
    counts: npt.NDArray[np.uint16]
    owners: Integers
    """Whose each term is, as an index of `numbers`."""

    @classmethod
    def of(cls, rows: Iterable[tuple[int, bytes]]) -> "_Recent":
        passages = dict(rows)
        counts = np.frombuffer(b"".join(passages.values()), dtype=_COUNT)
        sizes = [len(data) // _COUNT.itemsize for data in passages.values()]
        return cls(
            np.array(list(passages), dtype=np.int64),
            np.ascontiguousarray(counts["term"]),
            np.ascontiguousarray(counts["count"]),
            np.repeat(np.arange(len(passages)), sizes),
        )

    def lengths(self) -> Vectors:
        """As `_LENGTH` has them."""
        sums = np.bincount(self.owners, weights=self.counts, minlength=len(self.numbers))
        return np.minimum(sums + 1, _MOST + 1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Passages:
    """All positions of the blocks in turn, then the recent passages: their numbers, and what BM25 divides by."""

    numbers: Integers
    lengths: Vectors
    norms: Vectors
    size: int
    starts: Mapping[int, int]
    """The index of each block's first position."""
    recent: _Recent

    @classmethod
    def of(cls, blocks: Mapping[int, bytes], recent: _Recent) -> "_Passages":
        """From the lengths of each block."""
        numbers = [np.arange(block * BLOCK, (block + 1) * BLOCK) for block in blocks]
        lengths = np.frombuffer(b"".join(blocks.values()), dtype=_LENGTH).astype(np.float32)
        lengths = np.concatenate([lengths, recent.lengths()])
        size = int(np.count_nonzero(lengths))
        mean = max(float(lengths.sum()) - size, 1.0) / max(size, 1)
        return cls(
            np.concatenate([*numbers, recent.numbers]),
            lengths,
            (K1 * (1 - B + B * (lengths - 1) / mean)).astype(np.float32),
            size,
            {block: i * BLOCK for i, block in enumerate(blocks)},
            recent,
        )


def _best(scores: Vectors, k: int) -> Integers:
    """The indices of the k greatest scores above 0, best first, the first of equals first."""
    least = np.partition(scores, -k)[-k] if k < len(scores) else 0
    candidates = np.flatnonzero((scores >= least) & (scores > 0))
    return candidates[np.argsort(-scores[candidates], kind="stable")][:k].astype(np.int64)

"""BM25 over passages of any script, in a database: passages go in and out one at a time, in the caller's transaction.

Passages have numbers, and BLOCK numbers make a block. The newest passages have a row each, with their terms and how
often these occur (`recent_words`). Once a block is full, its passages move to `postings`: a row for each term, with the
positions of the passages that have it. So adding a passage writes little however large the index is, and a search reads
a row for each block and term. Terms stand as 64-bit hashes.
"""

import functools
import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex
from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from retriever.languages.words import tokenize
from retriever.store.database import memory_connection
from retriever.store.tables import WORD_TABLES, blocks, create, insert_rows, postings, recent_words
from retriever.types import Vectors

K1, B = 1.5, 0.75
BLOCK = 4096
"""Passages in a block; their positions fit 16 bits."""
VERSION = f"1, Unicode {unicodedata.unidata_version}, regex {regex.__version__}"
"""Of the tables and of `tokenize`: raise the number when either changes, and indexes are made anew."""
_COUNT = np.dtype([("term", "<i8"), ("count", "<u2")])
_POSTING = np.dtype([("position", "<u2"), ("count", "<u2")])
_LENGTH = np.dtype("<u2")
"""The terms of a passage and one more; 0 at positions without a passage."""
_MOST = 65_534
"""More terms in a passage, or the same one more often, count as so many."""
PART = 1000
"""Parameters of a statement: databases take some ten thousand."""
_OLDEST = select(func.min(recent_words.c.number))
_RECENT = select(recent_words).order_by(recent_words.c.number)
_POSTINGS = (
    select(postings)
    .where(postings.c.block.in_(bindparam("blocks", expanding=True)))
    .where(postings.c.term.in_(bindparam("terms", expanding=True)))
    .order_by(postings.c.block)
)
_REPLACE_POSTING = update(postings).where(
    postings.c.block == bindparam("of_block"), postings.c.term == bindparam("of_term")
)

Integers = npt.NDArray[np.int64]


@functools.lru_cache(100_000)
def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "little", signed=True)


def count_words(text: str) -> bytes:
    """The terms of a text and how often they occur, as the index stores them."""
    counts = Counter(map(_hash, tokenize(text)))
    return np.array([(term, min(count, _MOST)) for term, count in counts.items()], dtype=_COUNT).tobytes()


class WordIndex:
    """BM25 (Lucene's variant, as bm25s computes it) over numbered passages, in the tables of a connection.

    `lengths` are those that another index read, if nothing has changed since; search keeps them there.
    """

    def __init__(self, connection: Connection, lengths: "PassageLengths | None" = None) -> None:
        self._connection = connection
        self.lengths = lengths

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> "WordIndex":
        """An index in memory; a text's number is its place."""
        connection = memory_connection()
        create(connection, WORD_TABLES)
        index = cls(connection)
        index.add({number: count_words(text) for number, text in enumerate(texts)})
        return index

    @property
    def first_free(self) -> int:
        """Numbers from here on may be added, except those that are in the index."""
        last = self._connection.scalar(select(func.max(blocks.c.block)))
        return 0 if last is None else BLOCK * (int(last) + 1)

    def add(self, counts: Mapping[int, bytes]) -> None:
        """Add passages by number; `count_words` makes the counts."""
        self.lengths = None
        insert_rows(self._connection, recent_words, [{"number": n, "counts": each} for n, each in counts.items()])
        newest = max(counts, default=0) // BLOCK
        while (oldest := self._connection.scalar(_OLDEST)) is not None:
            if oldest // BLOCK >= newest:
                return
            self._fill(oldest // BLOCK)

    def _fill(self, block: int) -> None:
        """Move the passages of a block to the postings."""
        is_older = recent_words.c.number < (block + 1) * BLOCK
        recent = _Recent.of(_rows(self._connection, _RECENT.where(is_older)))
        positions = (recent.numbers - block * BLOCK).astype(_LENGTH)
        lengths = np.zeros(BLOCK, dtype=_LENGTH)
        lengths[positions] = recent.lengths()
        order = np.argsort(recent.terms, kind="stable")
        terms, starts = np.unique(recent.terms[order], return_index=True)
        entries = np.empty(len(order), dtype=_POSTING)
        entries["position"] = positions[recent.owners][order]
        entries["count"] = recent.counts[order]
        parts = zip(terms.tolist(), starts, [*starts[1:], len(order)], strict=False)
        self._connection.execute(insert(blocks), {"block": block, "lengths": lengths.tobytes()})
        insert_rows(
            self._connection,
            postings,
            [{"block": block, "term": term, "passages": entries[start:end].tobytes()} for term, start, end in parts],
        )
        self._connection.execute(delete(recent_words).where(is_older))

    def remove(self, counts: Mapping[int, bytes]) -> None:
        """Take passages out, with the counts that they were added with."""
        self.lengths = None
        numbers = list(counts)
        for start in range(0, len(numbers), PART):
            part = numbers[start : start + PART]
            self._connection.execute(delete(recent_words).where(recent_words.c.number.in_(part)))
        for block in {number // BLOCK for number in counts}:
            data = self._connection.scalar(select(blocks.c.lengths).where(blocks.c.block == block))
            if data:
                self._take_out(block, np.frombuffer(data, dtype=_LENGTH).copy(), counts)

    def _take_out(self, block: int, lengths: npt.NDArray[np.uint16], counts: Mapping[int, bytes]) -> None:
        """Take those passages out that are in this block, whose passages have these lengths."""
        numbers = [number for number in counts if number // BLOCK == block]
        positions = [number - block * BLOCK for number in numbers]
        lengths[positions] = 0
        if not lengths.any():
            self._connection.execute(delete(blocks).where(blocks.c.block == block))
            self._connection.execute(delete(postings).where(postings.c.block == block))
            return
        self._connection.execute(update(blocks).where(blocks.c.block == block).values(lengths=lengths.tobytes()))
        terms = np.unique(np.frombuffer(b"".join(counts[number] for number in numbers), dtype=_COUNT)["term"]).tolist()
        for start in range(0, len(terms), PART):
            self._take_terms_out(block, terms[start : start + PART], positions)

    def _take_terms_out(self, block: int, terms: Sequence[int], positions: Sequence[int]) -> None:
        """Take the passages at these positions of a block out of the postings of terms."""
        kept: list[dict[str, object]] = []
        gone: list[int] = []
        rows = self._connection.execute(_POSTINGS, {"blocks": [block], "terms": terms})
        for _, term, data in rows:
            entries = np.frombuffer(data, dtype=_POSTING)
            left = entries[~np.isin(entries["position"], positions)].tobytes()
            if left:
                kept.append({"of_block": block, "of_term": term, "passages": left})
            else:
                gone.append(term)
        if kept:
            self._connection.execute(_REPLACE_POSTING, kept)
        self._connection.execute(delete(postings).where(postings.c.block == block, postings.c.term.in_(gone)))

    def clear(self) -> None:
        """Take all passages out."""
        self.lengths = None
        for table in WORD_TABLES:
            self._connection.execute(delete(table))

    def numbers(self) -> Integers:
        """The numbers of the passages in the index, ascending."""
        passages = self._read_lengths()
        return passages.numbers[passages.lengths > 0]

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """The k best passages as (number, BM25 score), best first; only those that share a term with the query."""
        passages = self.lengths = self.lengths or self._read_lengths()
        scores = np.zeros(len(passages.numbers), dtype=np.float32)
        weights = Counter(map(_hash, tokenize(query)))
        for term, (indices, counts) in self._postings(list(weights), passages).items():
            idf = np.log1p((passages.size - len(indices) + 0.5) / (len(indices) + 0.5))
            scores[indices] += np.float32(weights[term] * idf) * counts / (counts + passages.norms[indices])
        best = _best(scores, k)
        return list(zip(passages.numbers[best].tolist(), scores[best].tolist(), strict=True))

    def _read_lengths(self) -> "PassageLengths":
        lengths = dict(_rows(self._connection, select(blocks).order_by(blocks.c.block)))
        return PassageLengths.of(lengths, _Recent.of(_rows(self._connection, _RECENT)))

    def _postings(self, terms: Sequence[int], passages: "PassageLengths") -> dict[int, tuple[Integers, Vectors]]:
        """By term, the indices of the passages that have it, and how often they have it."""
        stored: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
        if passages.starts:
            parameters = {"blocks": list(passages.starts), "terms": terms}
            for block, term, data in self._connection.execute(_POSTINGS, parameters):
                stored[term].append((block, data))
        return {term: _in_index(term, stored[term], passages) for term in terms}


def _in_index(term: int, rows: Sequence[tuple[int, bytes]], passages: "PassageLengths") -> tuple[Integers, Vectors]:
    """The indices of the passages that have a term, and how often they have it; `rows` are its postings by block."""
    entries = np.frombuffer(b"".join(data for _, data in rows), dtype=_POSTING)
    starts = np.array([passages.starts[block] for block, _ in rows], dtype=np.int64)
    sizes = [len(data) // _POSTING.itemsize for _, data in rows]
    recent = passages.recent
    in_recent = np.flatnonzero(recent.terms == term)
    first_recent = len(passages.numbers) - len(recent.numbers)
    indices = [np.repeat(starts, sizes) + entries["position"], first_recent + recent.owners[in_recent]]
    counts = [entries["count"], recent.counts[in_recent]]
    return np.concatenate(indices), np.concatenate(counts).astype(np.float32)


def _rows(connection: Connection, query: Select[int, bytes]) -> list[tuple[int, bytes]]:
    return [(number, data) for number, data in connection.execute(query)]


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
class PassageLengths:
    """All positions of the blocks in turn, then the recent passages: their numbers, and what BM25 divides by."""

    numbers: Integers
    lengths: Vectors
    norms: Vectors
    size: int
    starts: Mapping[int, int]
    """The index of each block's first position."""
    recent: _Recent

    @classmethod
    def of(cls, blocks: Mapping[int, bytes], recent: _Recent) -> "PassageLengths":
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

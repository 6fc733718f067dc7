"""Documents, passages and their words in SQLite: the truth that the vectors follow.

A document is in the library from the moment its rows are committed here and no earlier. Vectors are written before that
moment and deleted after it, so whatever a killed process leaves behind is surplus and can be deleted
(`retriever.store.recovery`).
"""

import functools
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from retriever.store.derived import DerivedTables, count_passages
from retriever.store.disk_errors import is_damaged, opening_error
from retriever.store.files import boot_id
from retriever.store.transaction import Transaction
from retriever.types import Document, Passage, Period

DOCUMENTS_FILE = "catalogue.sqlite"
# `settled` is the column of `clean_shutdown`; libraries of earlier versions have it.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY, source TEXT NOT NULL UNIQUE, title TEXT NOT NULL, sha256 TEXT NOT NULL,
    language TEXT NOT NULL, bytes INTEGER NOT NULL, added TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS passages (
    id TEXT PRIMARY KEY, document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    title TEXT NOT NULL, text TEXT NOT NULL, page INTEGER, start INTEGER NOT NULL, end INTEGER NOT NULL,
    language TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS times (
    passage_id TEXT PRIMARY KEY REFERENCES passages(id) ON DELETE CASCADE, periods TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS passages_document ON passages(document_id);
CREATE INDEX IF NOT EXISTS documents_sha256 ON documents(sha256);
CREATE TABLE IF NOT EXISTS state (revision INTEGER NOT NULL, settled INTEGER NOT NULL, generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS library (id TEXT NOT NULL, collection TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS file (inode INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS boot (id TEXT NOT NULL);
"""
# One statement, and before the first row of `state`, whose absence tells a new library. One of an earlier version keeps
# the name of its Chroma collection until its vectors are copied.
_IDENTITY = """
INSERT INTO library
SELECT ?1, coalesce((SELECT 'passages-' || generation FROM state), ?2) WHERE NOT EXISTS (SELECT 1 FROM library)
"""
_STATE = "INSERT INTO state SELECT 0, 1, 0 WHERE NOT EXISTS (SELECT 1 FROM state)"
_DOCUMENTS = "SELECT d.*, (SELECT count(*) FROM passages p WHERE p.document_id = d.id) FROM documents d"
_PASSAGES = """
SELECT id, document_id, title, text, page, start, end, language, periods
FROM passages LEFT JOIN times ON passage_id = id"""
_NUMBERED = _PASSAGES.replace("SELECT", "SELECT passages.rowid,")
PAGE = 1000
"""Passages read at a time."""


class DocumentStore:
    """The SQLite file. Any process may read it; one process writes. Raises IsthmusError if the file is damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            if not is_damaged(error):
                raise
            raise opening_error(error, path.parent) from error

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(_SCHEMA)
        library_id = uuid.uuid4().hex
        self._db.execute(_IDENTITY, (library_id, _collection_name(library_id, 0)))
        self._db.execute(_STATE)
        self._derived = DerivedTables(self._db)

    def documents(self) -> list[Document]:
        """All documents, oldest first, with their number of passages."""
        with self._lock:
            return [Document(*row) for row in self._db.execute(f"{_DOCUMENTS} ORDER BY d.added, d.source")]

    def from_source(self, source: str) -> Document | None:
        """The document from this source."""
        with self._lock:
            row = self._db.execute(f"{_DOCUMENTS} WHERE d.source = ?", (source,)).fetchone()
        return Document(*row) if row else None

    def has_content(self, sha256: str) -> bool:
        """Whether a document has this content."""
        with self._lock:
            return bool(self._db.execute("SELECT 1 FROM documents WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone())

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """The passages with these ids; unknown ids are left out."""
        marks = ",".join("?" * len(ids))
        with self._lock:
            rows = self._db.execute(f"{_PASSAGES} WHERE id IN ({marks})", list(ids))
            return {row[0]: _passage(row) for row in rows}

    def all_passages(self) -> list[Passage]:
        """Every passage, in the order in which it was added."""
        with self._lock:
            return [_passage(row) for row in self._db.execute(f"{_PASSAGES} ORDER BY passages.rowid")]

    def passage_ids(self, document_id: str | None = None) -> list[str]:
        """Ids of a document's passages, or of all."""
        query = "SELECT id FROM passages WHERE ?1 IS NULL OR document_id = ?1 ORDER BY rowid"
        with self._lock:
            return [row[0] for row in self._db.execute(query, (document_id,))]

    def languages(self) -> dict[str, int]:
        """Number of passages in each language."""
        with self._lock:
            return dict(self._db.execute("SELECT language, passages FROM languages ORDER BY language"))

    def matching(self, words: str, k: int) -> list[tuple[str, float]]:
        """The k passages that match the words best as (id, BM25 score), best first."""
        with self._lock:
            scores = self._derived.words.search(words, k)
            id_of = "SELECT id FROM passages WHERE rowid = ?"
            return [(self._db.execute(id_of, (number,)).fetchone()[0], score) for number, score in scores]

    def indexed_ids(self) -> set[str]:
        """The passages whose words are in the index; "number N" for one that is in no document."""
        with self._lock:
            ids = dict(self._db.execute("SELECT rowid, id FROM passages"))
            return {ids.get(number, f"number {number}") for number in self._derived.words.numbers().tolist()}

    def index_words(self) -> None:
        """Make words and counts of languages anew if they do not fit the documents, or another version made them."""
        with self._lock:
            if not self._derived.fit():
                self._derived.make_anew(self._numbered_passages())

    def _numbered_passages(self) -> Iterator[dict[int, Passage]]:
        """All passages by number, in parts."""
        query = f"{_NUMBERED} WHERE passages.rowid > ? ORDER BY 1 LIMIT {PAGE}"
        last = 0
        while rows := self._db.execute(query, (last,)).fetchall():
            yield {row[0]: _passage(row[1:]) for row in rows}
            last = rows[-1][0]

    def replace(self, replaced: Iterable[str], document: Document, passages: Sequence[Passage]) -> None:
        """In one transaction, delete the documents with the ids in `replaced` and add this one."""
        words = count_passages(dict(enumerate(passages)))
        with self._lock, Transaction(self._db):
            self._delete(replaced)
            fields = (document.id, document.source, document.title, document.sha256)
            self._db.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*fields, document.language, document.bytes, document.added),
            )
            first = self._derived.next_number()
            self._db.executemany(
                "INSERT INTO passages (rowid, id, document_id, title, text, page, start, end, language) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (number, p.id, p.document_id, p.title, p.text, p.page, p.start, p.end, p.language)
                    for number, p in enumerate(passages, first)
                ],
            )
            self._set_times(passages)
            self._derived.add(
                dict(enumerate(passages, first)), {first + number: counts for number, counts in words.items()}
            )

    def passages_without_times(self) -> list[Passage]:
        """The passages of a library from before times were kept."""
        is_old = "(SELECT count(*) FROM times) < (SELECT count(*) FROM passages)"  # else there is no need to join
        with self._lock:
            return [_passage(row) for row in self._db.execute(f"{_PASSAGES} WHERE {is_old} AND passage_id IS NULL")]

    def set_times(self, passages: Sequence[Passage]) -> None:
        """In one transaction, store the times of passages that are there."""
        with self._lock, Transaction(self._db):
            self._set_times(passages)

    def _set_times(self, passages: Sequence[Passage]) -> None:
        rows = [(p.id, " ".join(map(str, p.times))) for p in passages]
        self._db.executemany("INSERT OR REPLACE INTO times VALUES (?, ?)", rows)

    def remove(self, ids: Iterable[str]) -> None:
        """In one transaction, delete documents and their passages."""
        with self._lock, Transaction(self._db):
            self._delete(ids)

    def _delete(self, ids: Iterable[str]) -> None:
        for id_ in ids:
            rows = self._db.execute(f"{_NUMBERED} WHERE document_id = ?", (id_,)).fetchall()
            self._derived.remove({row[0]: _passage(row[1:]) for row in rows})
            self._db.execute("DELETE FROM documents WHERE id = ?", (id_,))
        self._db.execute("UPDATE state SET revision = revision + 1")
        self._db.execute("UPDATE words SET revision = revision + 1")

    @property
    def revision(self) -> int:
        """Grows with every change."""
        with self._lock:
            return int(self._db.execute("SELECT revision FROM state").fetchone()[0])

    @property
    def clean_shutdown(self) -> bool:
        """False from the first write until the library is closed: what Chroma then holds cannot be relied on."""
        with self._lock:
            return bool(self._db.execute("SELECT settled FROM state").fetchone()[0])

    @clean_shutdown.setter
    def clean_shutdown(self, value: bool) -> None:
        if (value, boot_id()) == (self.clean_shutdown, self._noted_boot()):
            return
        with self._lock, Transaction(self._db):
            self._db.execute("UPDATE state SET settled = ?", (int(value),))
            self._db.execute("DELETE FROM boot")
            self._db.execute("INSERT INTO boot VALUES (?)", (boot_id(),))

    @property
    def lost_power(self) -> bool:
        """Whether the machine was started anew before the library was closed, so that unsynced files may be damaged.

        False for a library of an earlier version.
        """
        return not self.clean_shutdown and self._noted_boot() not in (None, boot_id())

    def _noted_boot(self) -> str | None:
        """The start of the machine in which `clean_shutdown` was noted."""
        with self._lock:
            row = self._db.execute("SELECT id FROM boot").fetchone()
        return str(row[0]) if row else None

    @property
    def library_id(self) -> str:
        """What tells this library from every other."""
        with self._lock:
            return str(self._db.execute("SELECT id FROM library").fetchone()[0])

    def tell_from_copies(self) -> None:
        """Give the library another id if its file is a copy of the one that has it: two would share their vectors.

        A copy has another inode. The name of the collection stays until its vectors are copied.
        """
        inode = self._path.stat().st_ino
        with self._lock, Transaction(self._db):
            known = self._db.execute("SELECT inode FROM file").fetchone()
            if known == (inode,):
                return
            if known:
                self._db.execute("UPDATE library SET id = ?", (uuid.uuid4().hex,))
            self._db.execute("DELETE FROM file")
            self._db.execute("INSERT INTO file VALUES (?)", (inode,))

    @property
    def generation(self) -> int:
        """The number of the last name that a collection of the vectors got."""
        with self._lock:
            return int(self._db.execute("SELECT generation FROM state").fetchone()[0])

    @property
    def collection(self) -> str:
        """The collection that holds the vectors of these documents."""
        with self._lock:
            return str(self._db.execute("SELECT collection FROM library").fetchone()[0])

    @property
    def next_collection(self) -> str:
        """The name of the collection that the vectors are copied into next."""
        return _collection_name(self.library_id, self.generation + 1)

    def switch_collection(self) -> None:
        """In one transaction, make `next_collection` the one that holds the vectors."""
        with self._lock, Transaction(self._db):
            self._db.execute("UPDATE library SET collection = ?", (self.next_collection,))
            self._db.execute("UPDATE state SET generation = generation + 1")

    def reserve_collection(self) -> str:
        """The name for a copy of the vectors elsewhere: the last one, if that copy was broken off."""
        with self._lock, Transaction(self._db):
            if self.collection == _collection_name(self.library_id, self.generation):
                self._db.execute("UPDATE state SET generation = generation + 1")
            return _collection_name(self.library_id, self.generation)

    def use_reserved_collection(self) -> None:
        """Make the reserved collection the one that holds the vectors."""
        with self._lock, Transaction(self._db):
            name = _collection_name(self.library_id, self.generation)
            self._db.execute("UPDATE library SET collection = ?", (name,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def collection_prefix(library_id: str) -> str:
    """What the names of a library's Chroma collections begin with, except those of earlier versions."""
    return f"isthmus-{library_id}-"


def _collection_name(library_id: str, generation: int) -> str:
    return f"{collection_prefix(library_id)}{generation}"


def _passage(row: tuple[Any, ...]) -> Passage:
    id_, document_id, title, text, page, start, end, language, periods = row
    return Passage(id_, document_id, title, text, page, start, end, language, _periods(periods or ""))


@functools.lru_cache(10_000)
def _periods(text: str) -> tuple[Period, ...]:
    return tuple(map(Period.parse, text.split()))


def list_documents(folder: Path) -> list[Document]:
    """The documents in a library folder, whichever process has it open; opens neither encoder nor vectors."""
    if not (folder / DOCUMENTS_FILE).exists():
        return []
    store = DocumentStore(folder / DOCUMENTS_FILE)
    try:
        return store.documents()
    finally:
        store.close()

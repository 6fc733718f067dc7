"""Documents and passages in SQLite: the truth that the other indexes follow.

A document is in the library from the moment its rows are committed here and no earlier. Vectors are written before that
moment and deleted after it, so whatever a killed process leaves behind is surplus and can be deleted
(`retriever.store.recovery`).
"""

import functools
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from retriever.store.disk_errors import is_damaged, opening_error
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
CREATE TABLE IF NOT EXISTS state (revision INTEGER NOT NULL, settled INTEGER NOT NULL, generation INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS library (id TEXT NOT NULL, collection TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS file (inode INTEGER NOT NULL);
"""
# One statement, and before the first row of `state`, whose absence tells a new library. One of an earlier version keeps
# the name of its Chroma collection until its vectors are copied.
_IDENTITY = """
INSERT INTO library
SELECT ?1, coalesce((SELECT 'passages-' || generation FROM state), ?2) WHERE NOT EXISTS (SELECT 1 FROM library)
"""
_STATE = "INSERT INTO state SELECT 0, 1, 0 WHERE NOT EXISTS (SELECT 1 FROM state)"
_PASSAGES = """
SELECT id, document_id, title, text, page, start, end, language, periods
FROM passages LEFT JOIN times ON passage_id = id"""


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
        self._languages: tuple[int, dict[str, int]] = (-1, {})  # counting takes long, and every search asks

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(_SCHEMA)
        library_id = uuid.uuid4().hex
        self._db.execute(_IDENTITY, (library_id, _collection_name(library_id, 0)))
        self._db.execute(_STATE)

    def documents(self) -> list[Document]:
        """All documents, oldest first, with their number of passages."""
        query = (
            "SELECT d.*, (SELECT count(*) FROM passages p WHERE p.document_id = d.id) FROM documents d "
            "ORDER BY d.added, d.source"
        )
        with self._lock:
            return [Document(*row) for row in self._db.execute(query)]

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
            if self._languages[0] != self.revision:
                counts = self._db.execute("SELECT language, count(*) FROM passages GROUP BY language")
                self._languages = (self.revision, dict(counts))
            return self._languages[1]

    def replace(self, replaced: Iterable[str], document: Document, passages: Sequence[Passage]) -> None:
        """In one transaction, delete the documents with the ids in `replaced` and add this one."""
        with self._lock, Transaction(self._db):
            self._delete(replaced)
            fields = (document.id, document.source, document.title, document.sha256)
            self._db.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*fields, document.language, document.bytes, document.added),
            )
            self._db.executemany(
                "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(p.id, p.document_id, p.title, p.text, p.page, p.start, p.end, p.language) for p in passages],
            )
            self._set_times(passages)

    def passages_without_times(self) -> list[Passage]:
        """The passages of a library from before times were kept."""
        with self._lock:
            return [_passage(row) for row in self._db.execute(f"{_PASSAGES} WHERE passage_id IS NULL")]

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
        self._db.executemany("DELETE FROM documents WHERE id = ?", [(id_,) for id_ in ids])
        self._db.execute("UPDATE state SET revision = revision + 1")

    @property
    def revision(self) -> int:
        """Grows with every change; names the state that a BM25 index was built from."""
        with self._lock:
            return int(self._db.execute("SELECT revision FROM state").fetchone()[0])

    @property
    def clean_shutdown(self) -> bool:
        """False from the first write until the library is closed: what Chroma then holds cannot be relied on."""
        with self._lock:
            return bool(self._db.execute("SELECT settled FROM state").fetchone()[0])

    @clean_shutdown.setter
    def clean_shutdown(self, value: bool) -> None:
        with self._lock:
            self._db.execute("UPDATE state SET settled = ?", (int(value),))

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
        """How often the vectors were copied into a new Chroma collection."""
        with self._lock:
            return int(self._db.execute("SELECT generation FROM state").fetchone()[0])

    @property
    def collection(self) -> str:
        """The Chroma collection that holds the vectors of these documents."""
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

"""Documents, passages and their words in a database: the truth that the vectors follow.

A document is in the library from the moment its rows are committed here and no earlier. Vectors are written before that
moment and deleted after it, so whatever a killed process leaves behind is surplus and can be deleted
(`retriever.store.recovery`).
"""

import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from tqdm import tqdm

from retriever.store import tables
from retriever.store.database import Database, open_sqlite
from retriever.store.derived import DerivedTables, count_passages, note_version
from retriever.store.disk_errors import is_damaged, opening_error
from retriever.store.files import boot_id
from retriever.store.passage_rows import NUMBER, NUMBERED_PASSAGES, PASSAGES, insert_passages, set_times, to_passage
from retriever.store.ports import DocumentStore
from retriever.store.words import PassageLengths, WordIndex
from retriever.types import Document, Passage

DOCUMENTS_FILE = "catalogue.sqlite"
PAGE = 1000
"""Passages read at a time."""
_state, _library, _passages, _times = tables.state, tables.library, tables.passages, tables.times
_DOCUMENTS = select(
    tables.documents,
    select(func.count()).where(_passages.c.document_id == tables.documents.c.id).scalar_subquery(),
)
_BY_SOURCE = _DOCUMENTS.where(tables.documents.c.source == bindparam("source"))
_WITH_CONTENT = select(tables.documents.c.id).where(tables.documents.c.sha256 == bindparam("sha256")).limit(1)
_WITH_IDS = PASSAGES.where(_passages.c.id.in_(bindparam("ids", expanding=True)))
_IDS = select(NUMBER, _passages.c.id)
_WITH_NUMBERS = _IDS.where(NUMBER.in_(bindparam("numbers", expanding=True)))
_IN_ORDER = select(_passages.c.id).order_by(NUMBER)
_REVISE = (
    update(_state).values(revision=_state.c.revision + 1),
    update(tables.words).values(revision=tables.words.c.revision + 1),
)


class DocumentDatabase:
    """A DocumentStore in a database. `file` is that of SQLite, of which copies may be made.

    A new library gets the id `new_id`, else one at random. Any process may read it; one process writes, but
    see `SharedDocuments`. Raises IsthmusError if the file is damaged.
    """

    def __init__(self, database: Database, file: Path | None = None, new_id: str | None = None) -> None:
        self._database = database
        self._file = file
        self._lengths: tuple[int, PassageLengths] | None = None  # of which revision
        try:
            database.create_tables()
            with database.reading() as connection:
                is_new = not _is_prepared(connection)
            if is_new:
                with database.writing() as connection:
                    _prepare(connection, new_id or uuid.uuid4().hex)
        except BaseException as error:
            database.close()
            if file and isinstance(error, sqlite3.Error) and is_damaged(error):
                raise opening_error(error, file.parent) from error
            raise

    def documents(self) -> list[Document]:
        """All documents, oldest first, with their number of passages."""
        order = tables.documents.c.added, tables.documents.c.source
        with self._database.reading() as connection:
            return [Document(*row) for row in connection.execute(_DOCUMENTS.order_by(*order))]

    def from_source(self, source: str) -> Document | None:
        """The document from this source."""
        with self._database.reading() as connection:
            row = connection.execute(_BY_SOURCE, {"source": source}).first()
        return Document(*row) if row else None

    def has_content(self, sha256: str) -> bool:
        """Whether a document has this content."""
        with self._database.reading() as connection:
            return connection.scalar(_WITH_CONTENT, {"sha256": sha256}) is not None

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """The passages with these ids; unknown ids are left out."""
        with self._database.reading() as connection:
            parts = (list(ids[start : start + PAGE]) for start in range(0, len(ids), PAGE))
            return {row[0]: to_passage(row) for part in parts for row in connection.execute(_WITH_IDS, {"ids": part})}

    def all_passages(self) -> list[Passage]:
        """Every passage, in the order in which it was added."""
        with self._database.reading() as connection:
            return [to_passage(row) for row in connection.execute(PASSAGES.order_by(NUMBER))]

    def passage_ids(self, document_id: str | None = None) -> list[str]:
        """Ids of a document's passages, or of all."""
        query = _IN_ORDER if document_id is None else _IN_ORDER.where(_passages.c.document_id == document_id)
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    def languages(self) -> dict[str, int]:
        """Number of passages in each language."""
        query = select(tables.languages).order_by(tables.languages.c.language)
        with self._database.reading() as connection:
            return _dict(connection.execute(query).all())

    def matching(self, words: str, k: int) -> list[tuple[str, float]]:
        """The k passages that match the words best as (id, BM25 score), best first."""
        with self._database.reading() as connection:
            revision = connection.scalar(select(tables.words.c.revision)) or 0
            known = self._lengths
            index = WordIndex(connection, known[1] if known and known[0] == revision else None)
            scores = index.search(words, k)
            if index.lengths:
                self._lengths = revision, index.lengths
            ids = _dict(connection.execute(_WITH_NUMBERS, {"numbers": [number for number, _ in scores]}).all())
        return [(ids[number], score) for number, score in scores]

    def indexed_ids(self) -> set[str]:
        """The passages whose words are in the index; "number N" for one that is in no document."""
        with self._database.reading() as connection:
            ids = _dict(connection.execute(_IDS).all())
            return {ids.get(number, f"number {number}") for number in WordIndex(connection).numbers().tolist()}

    def index_words(self) -> None:
        """Make words and counts of languages anew if they do not fit the documents, or another version made them.

        Each part has a transaction; broken off, they do not fit.
        """
        with self._database.reading() as connection:
            if DerivedTables(connection).fit():
                return
        self._lengths = None
        with self._database.writing() as connection:
            DerivedTables(connection).clear()
        for part in tqdm(self._numbered_passages(), desc="Indexing words", disable=None):
            with self._database.writing() as connection:
                DerivedTables(connection).add(part, count_passages(part))
        with self._database.writing() as connection:
            DerivedTables(connection).note_whole()

    def _numbered_passages(self) -> Iterator[dict[int, Passage]]:
        """All passages by number, in parts."""
        last = 0
        while True:
            query = NUMBERED_PASSAGES.where(last < NUMBER).order_by(NUMBER).limit(PAGE)
            with self._database.reading() as connection:
                part = {row[0]: to_passage(row[1:]) for row in connection.execute(query)}
            if not part:
                return
            yield part
            last = max(part)

    def replace(self, replaced: Iterable[str], document: Document, passages: Sequence[Passage]) -> None:
        """In one transaction, delete the documents with the ids in `replaced` and add this one."""
        words = count_passages(dict(enumerate(passages)))
        with self._database.writing() as connection:
            self._delete(connection, list(replaced))
            self._insert(connection, document, passages, words)

    def passages_without_times(self) -> list[Passage]:
        """The passages of a library from before times were kept."""
        count, all_times = select(func.count()).select_from(_passages), select(func.count()).select_from(_times)
        with self._database.reading() as connection:
            if connection.scalar(all_times) == connection.scalar(count):  # there is no need to join
                return []
            return [to_passage(row) for row in connection.execute(PASSAGES.where(_times.c.passage_id.is_(None)))]

    def set_times(self, passages: Sequence[Passage]) -> None:
        """In one transaction, store the times of passages that are there."""
        with self._database.writing() as connection:
            set_times(connection, passages)

    def remove(self, ids: Iterable[str]) -> None:
        """In one transaction, delete documents and their passages."""
        with self._database.writing() as connection:
            self._delete(connection, list(ids))

    def _delete(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete documents, with their passages and words. Every change comes by here."""
        derived = DerivedTables(connection)
        for id_ in ids:
            rows = connection.execute(NUMBERED_PASSAGES.where(_passages.c.document_id == id_)).all()
            derived.remove({row[0]: to_passage(row[1:]) for row in rows})
            connection.execute(delete(tables.documents).where(tables.documents.c.id == id_))
        for statement in _REVISE:
            connection.execute(statement)

    def _insert(
        self, connection: Connection, document: Document, passages: Sequence[Passage], words: Mapping[int, bytes]
    ) -> None:
        """Insert a document with its passages; `words` are `count_words` of them."""
        derived = DerivedTables(connection)
        fields = {column.name: getattr(document, column.name) for column in tables.documents.c}
        connection.execute(insert(tables.documents), fields)
        first = derived.next_number()
        insert_passages(connection, first, passages)
        derived.add(dict(enumerate(passages, first)), {first + number: counts for number, counts in words.items()})

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return int(self._value(_state.c.revision))

    @property
    def clean_shutdown(self) -> bool:
        """False from the first write until the library is closed: what Chroma then holds cannot be relied on."""
        return bool(self._value(_state.c.settled))

    @clean_shutdown.setter
    def clean_shutdown(self, value: bool) -> None:
        if (value, boot_id()) == (self.clean_shutdown, self._value(tables.boot.c.id)):
            return
        with self._database.writing() as connection:
            connection.execute(update(_state).values(settled=int(value)))
            connection.execute(delete(tables.boot))
            connection.execute(insert(tables.boot), {"id": boot_id()})

    @property
    def lost_power(self) -> bool:
        """Whether the machine was started anew before the library was closed, so that unsynced files may be damaged.

        False for a library of an earlier version.
        """
        return not self.clean_shutdown and self._value(tables.boot.c.id) not in (None, boot_id())

    @property
    def library_id(self) -> str:
        """What tells this library from every other."""
        return str(self._value(_library.c.id))

    def take_identity(self, other: DocumentStore) -> None:
        """Be the library whose documents these are a copy of: have its id, and its vectors."""
        with self._database.writing() as connection:
            connection.execute(update(_library).values(id=other.library_id, collection=other.collection))
            settled = int(other.clean_shutdown)
            connection.execute(update(_state).values(generation=other.generation, settled=settled))

    def tell_from_copies(self) -> None:
        """Give the library another id if its file is a copy of the one that has it: two would share their vectors.

        A copy has another inode. The name of the collection stays until its vectors are copied.
        """
        if self._file is None:
            return
        inode = self._file.stat().st_ino
        known = self._value(tables.file.c.inode)
        if known == inode:
            return
        with self._database.writing() as connection:
            if known is not None:
                connection.execute(update(_library).values(id=uuid.uuid4().hex))
            connection.execute(delete(tables.file))
            connection.execute(insert(tables.file), {"inode": inode})

    @property
    def generation(self) -> int:
        """The number of the last name that a collection of the vectors got."""
        return int(self._value(_state.c.generation))

    @property
    def collection(self) -> str:
        """The collection that holds the vectors of these documents."""
        return str(self._value(_library.c.collection))

    @property
    def next_collection(self) -> str:
        """The name of the collection that the vectors are copied into next."""
        return _collection_name(self.library_id, self.generation + 1)

    def switch_collection(self) -> None:
        """In one transaction, make `next_collection` the one that holds the vectors."""
        self._set_collection(self.generation + 1)

    def reserve_collection(self) -> str:
        """The name for a copy of the vectors elsewhere: the last one, if that copy was broken off."""
        if self.collection == _collection_name(self.library_id, self.generation):
            with self._database.writing() as connection:
                connection.execute(update(_state).values(generation=_state.c.generation + 1))
        return _collection_name(self.library_id, self.generation)

    def use_reserved_collection(self) -> None:
        """Make the reserved collection the one that holds the vectors."""
        self._set_collection(self.generation)

    def _set_collection(self, generation: int) -> None:
        name = _collection_name(self.library_id, generation)
        with self._database.writing() as connection:
            connection.execute(update(_library).values(collection=name))
            connection.execute(update(_state).values(generation=generation))

    def _value(self, column: Any) -> Any:
        """What the only row of a table has there; None if there is no row."""
        with self._database.reading() as connection:
            return connection.scalar(select(column))

    def close(self) -> None:
        """End the connections to the database."""
        self._database.close()


def _is_prepared(connection: Connection) -> bool:
    """Whether the state of the library is noted."""
    return all(connection.execute(select(table)).first() for table in (_library, _state, tables.words))


def _prepare(connection: Connection, new_id: str) -> None:
    """Note the state of a new library. One of an earlier version keeps the name of its Chroma collection."""
    generation = connection.scalar(select(_state.c.generation))
    if connection.scalar(select(_library.c.id)) is None:
        name = _collection_name(new_id, 0) if generation is None else f"passages-{generation}"
        connection.execute(insert(_library), {"id": new_id, "collection": name})
    if generation is None:
        connection.execute(insert(_state), {"revision": 0, "settled": 1, "generation": 0})
    note_version(connection)


def _dict(rows: Iterable[Row[Any, Any]]) -> dict[Any, Any]:
    return {key: value for key, value in rows}


def collection_prefix(library_id: str) -> str:
    """What the names of a library's Chroma collections begin with, except those of earlier versions."""
    return f"isthmus-{library_id}-"


def _collection_name(library_id: str, generation: int) -> str:
    return f"{collection_prefix(library_id)}{generation}"


def sqlite_documents(folder: Path) -> DocumentDatabase:
    """The documents in a library's folder, in the file that is made if there is none."""
    file = folder / DOCUMENTS_FILE
    return DocumentDatabase(open_sqlite(file), file)

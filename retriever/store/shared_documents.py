"""Documents that several processes read and write at once, in PostgreSQL."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection

from retriever.store import outbox
from retriever.store.derived import DerivedTables
from retriever.store.documents import DocumentDatabase
from retriever.store.postgresql import BUSY_SECONDS, LOCK_SECONDS, PostgresqlDatabase
from retriever.types import Document, Passage

PART = 200
"""Documents whose vectors are erased at a time: each has a lock, and a server has some thousand."""


class SharedDocuments(DocumentDatabase):
    """A DocumentStore of several processes. Whoever adds a document has locked it (`writing`)."""

    def __init__(self, database: PostgresqlDatabase, library_id: str) -> None:
        super().__init__(database, new_id=library_id)
        self._shared = database

    def joined(self, *, alone: bool = False) -> AbstractContextManager[Connection]:
        """Note that this process uses the library; see `PostgresqlDatabase.joined`."""
        return self._shared.joined(alone=alone)

    def is_there(self) -> bool:
        """Whether the library has not been deleted meanwhile."""
        return self._shared.has_tables()

    def alone(self, *, seconds: int = LOCK_SECONDS) -> AbstractContextManager[None]:
        """No other process, and no other thread, writes meanwhile. Raises LibraryBusyError if one does for long."""
        return self._shared.locked(alone=True, seconds=seconds)

    def confirm_alone(self) -> None:
        """Raises LibraryBusyError if this process, which had the library alone, may have lost that."""
        with self._database.writing():
            pass

    def writing(self, document: Document) -> AbstractContextManager[None]:
        """Nobody else writes this document, one of its source or one of its content meanwhile.

        Raises LibraryBusyError if somebody does for long. If the lock is lost, this thread writes nothing any more.
        """
        names = (f"source {document.source}", f"content {document.sha256}", _lock_name(document.id))
        return self._shared.locked(names)

    def locked(self, document_id: str) -> AbstractContextManager[None]:
        """Nobody else writes or erases vectors of this document meanwhile."""
        return self._shared.locked([_lock_name(document_id)])

    def opening(self) -> AbstractContextManager[None]:
        """No other process makes the collections of this library meanwhile."""
        return self._shared.locked(["opening"])

    def index_words(self) -> None:
        """See DocumentStore."""
        with self._database.reading() as connection:
            is_whole = DerivedTables(connection).fit()
        if not is_whole:  # another version of Isthmus wrote the words, and may still run
            with self.joined(alone=True):
                super().index_words()

    def note_unfinished(self, passages: Sequence[Passage]) -> None:
        """Before their vectors are written: they are surplus unless the document is added. May be done again."""
        with self._database.writing() as connection:
            outbox.note_unfinished(connection, passages)

    def hidden_documents(self) -> list[str]:
        """Documents that have vectors, perhaps, and are not or no more in the library."""
        with self._database.reading() as connection:
            return outbox.hidden_documents(connection)

    def noted_passages(self) -> set[str]:
        """Passages whose vectors may be there though they are in no document."""
        with self._database.reading() as connection:
            return outbox.noted_passages(connection)

    def erase_surplus(self, erase: Callable[[Sequence[str]], None]) -> None:
        """Have the vectors erased of passages that are in no document, except those that somebody is at work on."""
        with self._database.reading() as connection:
            due = outbox.due_documents(connection)
        for start in range(0, len(due), PART):
            with self._locking(due[start : start + PART]) as document_ids:
                for document_id in document_ids:  # one by one: each begins by a look whether the locks are still there
                    self._erase(document_id, erase)

    def _erase(self, document_id: str, erase: Callable[[Sequence[str]], None]) -> None:
        with self._database.writing() as connection:
            surplus = outbox.surplus_passages(connection, [document_id])
        if surplus:
            erase(surplus)
            with self._database.writing() as connection:
                outbox.note_erased(connection, surplus)

    @contextmanager
    def _locking(self, document_ids: Sequence[str]) -> Iterator[list[str]]:
        """Lock those of the documents that nobody has locked; gives them."""
        names = {_lock_name(id_): id_ for id_ in document_ids}
        with self._shared.locked(seconds=BUSY_SECONDS):
            yield [names[name] for name in self._shared.try_lock(names)]

    def _delete(self, connection: Connection, ids: Sequence[str]) -> None:
        outbox.note_deleted(connection, ids)
        super()._delete(connection, ids)
        self._shared.notify(connection)

    def _insert(
        self, connection: Connection, document: Document, passages: Sequence[Passage], words: Mapping[int, bytes]
    ) -> None:
        super()._insert(connection, document, passages, words)
        outbox.forget_document(connection, document.id)


def _lock_name(document_id: str) -> str:
    return f"document {document_id}"

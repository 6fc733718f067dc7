"""The outbox of a library that several processes write: passages whose vectors may be in the index though the passage
is in no document.

A row is written before the vectors of a new passage, and goes in the transaction that commits the document; the
transaction that deletes a document writes the rows of its passages. What is left is for whoever gets the document's
lock, which ends with its writer: a passage that is in no document by then loses its vectors, and its row.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from retriever.store.tables import documents, outbox, passages
from retriever.types import Passage

LATE = timedelta(minutes=2)
"""How long the vectors that a writer sent may still arrive after its end: twice as long as a request may take."""
PART = 1000
"""Parameters of a statement."""
_is_due = outbox.c.due.is_(None) | (outbox.c.due <= func.now())
_is_passage = exists().where(passages.c.id == outbox.c.passage)


def note_unfinished(connection: Connection, added: Sequence[Passage]) -> None:
    """The vectors of these passages may be written from now on."""
    if added:
        rows = [{"passage": passage.id, "document": passage.document_id, "due": None} for passage in added]
        connection.execute(
            insert(outbox).on_conflict_do_update(index_elements=outbox.primary_key, set_={"due": None}), rows
        )


def note_deleted(connection: Connection, document_ids: Sequence[str]) -> None:
    """The passages of these documents are about to be deleted in this transaction."""
    names = [column.name for column in outbox.c]
    for start in range(0, len(document_ids), PART):
        is_deleted = passages.c.document_id.in_(document_ids[start : start + PART])
        deleted = select(passages.c.id, passages.c.document_id, func.now()).where(is_deleted)
        connection.execute(insert(outbox).from_select(names, deleted).on_conflict_do_nothing())


def forget_document(connection: Connection, document_id: str) -> None:
    """The passages of this document are there."""
    connection.execute(delete(outbox).where(outbox.c.document == document_id, _is_passage))


def due_documents(connection: Connection) -> list[str]:
    """The ids of documents that have rows whose time has come."""
    return list(connection.scalars(select(outbox.c.document).where(_is_due).distinct()))


def noted_passages(connection: Connection) -> set[str]:
    """The passages that have rows."""
    return set(connection.scalars(select(outbox.c.passage)))


def hidden_documents(connection: Connection) -> list[str]:
    """The ids of those documents that have rows and are not there, as far as search goes."""
    is_document = exists().where(documents.c.id == outbox.c.document)
    return list(connection.scalars(select(outbox.c.document).where(~is_document).distinct()))


def surplus_passages(connection: Connection, document_ids: Sequence[str]) -> list[str]:
    """The passages of documents, which the caller has locked, that are not there; the rows of those that are go.

    The transaction must be the only one that writes.
    """
    of_documents = outbox.c.document.in_(document_ids)
    connection.execute(delete(outbox).where(of_documents, _is_passage))
    return list(connection.scalars(select(outbox.c.passage).where(of_documents, _is_due)))


def note_erased(connection: Connection, passage_ids: Sequence[str]) -> None:
    """The vectors of surplus passages are erased, and their documents still locked.

    Those of a writer that did not finish are erased once more after LATE, since some may arrive meanwhile.
    """
    for start in range(0, len(passage_ids), PART):
        are_erased = outbox.c.passage.in_(passage_ids[start : start + PART])
        connection.execute(delete(outbox).where(are_erased, outbox.c.due <= func.now()))
        connection.execute(update(outbox).where(are_erased, outbox.c.due.is_(None)).values(due=func.now() + LATE))

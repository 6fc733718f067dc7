"""The tables of a library: documents, passages, their words, and its state. In SQLite and PostgreSQL they are the same.

A passage's number is its `rowid`, which SQLite has by itself and PostgreSQL as a column.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    insert,
)
from sqlalchemy.schema import CreateIndex, CreateTable


class TextWithoutNul(TypeDecorator[str]):
    """Text without the character NUL, which PostgreSQL does not take and a stranger may send."""

    impl: type[String] = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What the database is given."""
        return value.replace("\0", "\ufffd") if value else value


TEXT = Text().with_variant(TextWithoutNul(collation="C"), "postgresql")  # in the order of SQLite, by bytes
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
metadata = MetaData()


def _text(name: str, *arguments: Any, **options: Any) -> Column[str]:
    return Column(name, TEXT, *arguments, nullable=False, **options)


def _number(name: str, **options: Any) -> Column[int]:
    return Column(name, NUMBER, nullable=False, **options)


documents = Table(
    "documents",
    metadata,
    _text("id", primary_key=True),
    _text("source", unique=True),
    _text("title"),
    _text("sha256"),
    _text("language"),
    _number("bytes"),
    _text("added"),
    Index("documents_sha256", "sha256"),
)
passages = Table(
    "passages",
    metadata,
    _number("rowid", system=True),  # but see `create_in_postgresql`
    _text("id", primary_key=True),
    _text("document_id", ForeignKey("documents.id", ondelete="CASCADE")),
    _text("title"),
    _text("text"),
    Column("page", NUMBER),
    _number("start"),
    _number("end"),
    _text("language"),
    Index("passages_document", "document_id"),
)
times = Table(
    "times",
    metadata,
    _text("passage_id", ForeignKey("passages.id", ondelete="CASCADE"), primary_key=True),
    _text("periods"),
)
state = Table("state", metadata, _number("revision"), _number("settled"), _number("generation"))
"""`settled` is `clean_shutdown`; libraries of earlier versions have it."""
library = Table("library", metadata, _text("id"), _text("collection"))
file = Table("file", metadata, _number("inode"))
boot = Table("boot", metadata, _text("id"))
words = Table("words", metadata, _text("version"), _number("revision"))
"""Which version made the words, and at which revision of the documents."""
languages = Table("languages", metadata, _text("language", primary_key=True), _number("passages"))
recent_words = Table(
    "recent_words",
    metadata,
    _number("number", primary_key=True, autoincrement=False),
    Column("counts", LargeBinary, nullable=False),
)
blocks = Table(
    "blocks",
    metadata,
    _number("block", primary_key=True, autoincrement=False),
    Column("lengths", LargeBinary, nullable=False),
)
postings = Table(
    "postings",
    metadata,
    _number("block", primary_key=True, autoincrement=False),
    _number("term", primary_key=True, autoincrement=False),
    Column("passages", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
WORD_TABLES = (recent_words, blocks, postings)
outbox = Table(
    "outbox",
    MetaData(),
    _text("passage", primary_key=True),
    _text("document"),
    Column("due", DateTime(timezone=True)),
    Index("outbox_document", "document"),
)
"""In PostgreSQL alone: passages whose vectors may be there though the passage is not; see `retriever.store.outbox`."""


def create(connection: Connection, tables: Sequence[Table] = metadata.sorted_tables) -> None:
    """Make tables in SQLite, unless they are there."""
    for table in tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))


def names_in_postgresql() -> set[str]:
    """The tables that a library has in PostgreSQL."""
    return {*metadata.tables, outbox.name}


def create_in_postgresql(connection: Connection) -> None:
    """Make the tables in PostgreSQL that are not there. A passage's number is a column there."""
    copy = MetaData()
    for table in (*metadata.sorted_tables, outbox):
        table.to_metadata(copy)
    numbered = copy.tables["passages"]
    numbered.c.rowid.system = False
    numbered.append_constraint(UniqueConstraint("rowid"))
    copy.create_all(connection)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, which may be none."""
    if rows:
        connection.execute(insert(table), rows)

"""What the server keeps beside the libraries, as tables: collections, users, keys, sessions, an audit trail, jobs."""

from datetime import UTC, datetime
from typing import ClassVar

from sqlalchemy import JSON, DateTime, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from retriever.store.tables import TextWithoutNul


def now() -> datetime:
    """The time, in UTC, as the database keeps it: without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class Text(TextWithoutNul):
    """Text of this database, whose columns have no length."""

    impl = String
    cache_ok = True


class Base(DeclarativeBase):
    """The tables. A change needs a new file in `migrations/versions`."""

    type_annotation_map: ClassVar = {str: Text, dict[str, object]: JSON, list[str]: JSON, datetime: DateTime}


class CollectionRow(Base):
    """A collection: `id` names its folder, `settings` are those that differ from the server's.

    `readers` are "everyone", "user:NAME" or "group:NAME"; the owner and administrators see it in any case.
    """

    __tablename__ = "collections"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[dict[str, object]]
    owner: Mapped[str]
    readers: Mapped[list[str]]
    created: Mapped[datetime] = mapped_column(default=now)


class UserRow(Base):
    """A user; `password` is its Argon2 hash, `failures` how many logins in a row have failed."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    groups: Mapped[list[str]]
    password: Mapped[str]
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    created: Mapped[datetime] = mapped_column(default=now)


class SessionRow(Base):
    """A login of a browser; `hash` is the SHA-256 of its cookie."""

    __tablename__ = "sessions"

    hash: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str]
    expires: Mapped[datetime]


class KeyRow(Base):
    """A key of a program; `hash` is its SHA-256, `start` its first characters, to tell it from others."""

    __tablename__ = "keys"

    hash: Mapped[str] = mapped_column(primary_key=True)
    start: Mapped[str]
    name: Mapped[str] = mapped_column(unique=True)
    user: Mapped[str]
    scopes: Mapped[list[str]]
    per_minute: Mapped[int]
    created: Mapped[datetime] = mapped_column(default=now)


class AuditRow(Base):
    """Who did what, when; never what anybody asked. `outcome` is "begun" until it is "done" or "failed"."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(default=now)
    who: Mapped[str]
    action: Mapped[str]
    what: Mapped[str]
    outcome: Mapped[str]


class JobRow(Base):
    """Files that are being taken into a collection, for `owner`; `entry` is the one of the audit trail.

    `ended` is when there was nothing left to do; a job that has not ended is taken up again when the server starts.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    collection: Mapped[str]
    replace: Mapped[bool]
    entry: Mapped[int]
    status: Mapped[str]
    error: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(default=now)
    ended: Mapped[datetime | None]


class JobFileRow(Base):
    """A file of a job: the name of its document, and what became of it, as `rag.Added` has it."""

    __tablename__ = "job_files"

    job: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    result: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True))


class IdentityRow(Base):
    """Whose database this is, if it is not in the library's folder: one row, whose id the folder has too."""

    __tablename__ = "identity"

    id: Mapped[str] = mapped_column(primary_key=True)

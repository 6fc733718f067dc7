"""What the server keeps beside the libraries, in a database: collections, users, keys, sessions, an audit trail."""

from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import ClassVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import JSON, URL, DateTime, Engine, create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from retriever.errors import IsthmusError

FILE_NAME = "server.sqlite"


def now() -> datetime:
    """The time, in UTC, as the database keeps it: without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class Base(DeclarativeBase):
    """The tables. A change needs a new file in `migrations/versions`."""

    type_annotation_map: ClassVar = {dict[str, object]: JSON, list[str]: JSON, datetime: DateTime}


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
    """Who did what, when; never what anybody asked."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(default=now)
    who: Mapped[str]
    action: Mapped[str]
    what: Mapped[str]


def open_database(folder: Path) -> Engine:
    """The database in a library's folder, made or brought up to date. Raises IsthmusError if it cannot be opened."""
    path = folder / FILE_NAME
    engine = create_engine(URL.create("sqlite", database=str(path)))
    try:
        with as_file(files("ui.state").joinpath("migrations")) as migrations, engine.begin() as connection:
            config = Config()
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # all tables or none
            config.set_main_option("script_location", str(migrations).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (DatabaseError, CommandError) as error:
        engine.dispose()
        cause = error.orig if isinstance(error, DatabaseError) else error
        raise IsthmusError(
            f"{path}, which holds collections and users, cannot be opened ({cause}); check the disk, update Isthmus if "
            "a newer one wrote it, or put it back from a backup."
        ) from error
    return engine

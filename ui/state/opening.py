"""Open the database of a library's state: SQLite in its folder, or the PostgreSQL database that `state_url` names."""

import os
import uuid
from importlib.resources import as_file, files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, delete, func, insert, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from rag.settings import Settings
from retriever.errors import IsthmusError
from retriever.store.files import write_file
from retriever.store.lock import read_holder
from retriever.store.postgresql import CONNECT_SECONDS, cause_of
from ui.state.database import Base, IdentityRow

FILE_NAME = "server.sqlite"
MOVED_NAME = "server.sqlite.moved"
"""What the file is called once a PostgreSQL database has taken over what it holds."""
IDENTITY_NAME = "server.id"
"""The file that names the PostgreSQL database of a library, by an id that both have."""
MIGRATING = 7_478_640
"""The advisory lock of PostgreSQL that keeps two processes from making the same tables."""


def open_database(settings: Settings) -> Engine:
    """The database of a library's state, made or brought up to date.

    A new PostgreSQL database takes over what SQLite has held. Raises IsthmusError if it cannot be opened, or is that of
    another library.
    """
    if settings.state_url is None:
        return open_sqlite(settings.library / FILE_NAME)
    return _open_postgresql(settings.state_url.get_secret_value(), settings.library)


def open_sqlite(path: Path) -> Engine:
    """The database in a file, made or brought up to date. Raises IsthmusError."""
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, hide_parameters=True)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # all tables or none
            _migrate(connection)
    except (SQLAlchemyError, CommandError) as error:
        engine.dispose()
        raise IsthmusError(
            f"{path}, which holds collections and users, cannot be opened ({cause_of(error, url)}); check the disk, "
            "update Isthmus if a newer one wrote it, or put it back from a backup."
        ) from error
    return engine


def copy_rows(source: Connection, target: Connection) -> None:
    """Make the tables of one database hold what those of another hold; whose database it is stays."""
    for table in Base.metadata.sorted_tables:
        if table.name != IdentityRow.__tablename__:
            target.execute(delete(table))
            if rows := [dict(row) for row in source.execute(select(table)).mappings()]:
                target.execute(insert(table), rows)
    if target.dialect.name == "postgresql":  # which counts by itself, beside the rows
        target.execute(text("SELECT setval(pg_get_serial_sequence('audit', 'id'), max(id)) FROM audit"))


def _open_postgresql(address: str, folder: Path) -> Engine:
    if (folder / FILE_NAME).exists():
        _check_unused(folder)
    url = make_url(address).set(drivername="postgresql+psycopg")
    try:
        engine = create_engine(
            url, hide_parameters=True, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS}
        )
    except ImportError as error:
        raise IsthmusError("PostgreSQL (state_url) needs psycopg: pip install 'isthmus[postgres]'.") from error
    try:
        with engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
            _migrate(connection)
            _claim(connection, folder)
        if (folder / FILE_NAME).exists():
            (folder / FILE_NAME).replace(folder / MOVED_NAME)
    except (SQLAlchemyError, CommandError, OSError) as error:
        engine.dispose()
        raise IsthmusError(
            f"The PostgreSQL database that state_url names cannot be opened ({cause_of(error, url)}); check its server "
            "and the setting, or update Isthmus if a newer one wrote it."
        ) from error
    except IsthmusError:
        engine.dispose()
        raise
    return engine


def _check_unused(folder: Path) -> None:
    """See that no other process works with the file of SQLite, which is about to be moved. Raises IsthmusError."""
    holder = read_holder(folder)
    if holder and holder["pid"] != str(os.getpid()):
        raise IsthmusError(
            f"{folder / FILE_NAME} is in use by {holder['what']} (process {holder['pid']}); stop it, so that the "
            "PostgreSQL database that state_url names can take over what it holds."
        )


def _migrate(connection: Connection) -> None:
    """Make the tables, or bring them up to date, in the transaction that the connection has begun."""
    with as_file(files("ui.state").joinpath("migrations")) as migrations:
        config = Config()
        config.set_main_option("script_location", str(migrations).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _claim(connection: Connection, folder: Path) -> None:
    """See that the database is this library's, or is new: then it is from now on. Raises IsthmusError."""
    file = folder / IDENTITY_NAME
    known = file.read_text(encoding="ascii") if file.exists() else None
    identity = connection.scalar(select(IdentityRow.id))
    if identity is None and known:
        raise IsthmusError(
            f"The PostgreSQL database that state_url names is empty, and this library has had one; name that one, or "
            f"delete {file} to begin anew."
        )
    if identity != known:
        raise IsthmusError(
            "The PostgreSQL database that state_url names is another library's; name the one that this library has "
            "had, or an empty one."
        )
    if identity is None:
        identity = uuid.uuid4().hex
        connection.execute(insert(IdentityRow).values(id=identity))
        if (folder / FILE_NAME).exists():
            sqlite = open_sqlite(folder / FILE_NAME)
            with sqlite.connect() as source:
                copy_rows(source, connection)
            sqlite.dispose()
        write_file(file, identity)

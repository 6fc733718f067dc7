"""The database that holds a library's documents: how it is read and written, whichever it is."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from retriever.errors import IsthmusError
from retriever.store import tables

BUSY_SECONDS = 10
"""How long a process waits for another one that writes."""


class Database:
    """An SQLite file. Threads and processes may share it; errors are those of `sqlite3`."""

    _begin_reading = "BEGIN"
    _begin_writing = "BEGIN IMMEDIATE"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_closed = False
        self._blocks = 0
        self._changed = threading.Condition()

    def create_tables(self) -> None:
        """Make the tables that are not there."""
        with self.reading() as connection:
            is_whole = tables.metadata.tables.keys() <= set(inspect(connection).get_table_names())
        if not is_whole:
            with self.writing() as connection:
                tables.create(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the database as it is at one moment, whoever writes meanwhile."""
        with self._errors(), self._engine.connect() as connection:
            connection.exec_driver_sql(self._begin_reading)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in a transaction, which is rolled back if the block or the commit raises; one at a time."""
        with self._errors(), self._engine.begin() as connection:
            connection.exec_driver_sql(self._begin_writing)
            yield connection

    def close(self) -> None:
        """Wait until nobody reads or writes, and end the connections."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: not self._blocks)
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """A block that uses the database. Raises IsthmusError if it is closed, or no connection gets free."""
        with self._changed:
            if self._is_closed:
                raise IsthmusError("The library is closed; open it again.")
            self._blocks += 1
        try:
            yield
        except PoolTimeoutError as error:
            raise IsthmusError("Too many use the library at once; try again.") from error
        except DBAPIError as error:
            raise self._driver_error(error) from error
        finally:
            with self._changed:
                self._blocks -= 1
                self._changed.notify_all()

    def _driver_error(self, error: DBAPIError) -> BaseException:
        """What is raised instead of SQLAlchemy's error."""
        return error.orig or error


def open_sqlite(path: Path) -> Database:
    """The database in a file, which is made if there is none."""
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args=_options(), hide_parameters=True)
    event.listen(engine, "connect", _set_up)
    return Database(engine)


def memory_connection() -> Connection:
    """A new SQLite database in memory, which threads may share one after the other; it ends with the connection."""
    return create_engine("sqlite://", poolclass=StaticPool, connect_args=_options()).connect()


def _options() -> dict[str, Any]:
    """No transaction begins by itself: `Database` begins each."""
    return {"isolation_level": None, "timeout": BUSY_SECONDS, "check_same_thread": False}


def _set_up(connection: Any, _: object) -> None:
    """Prepare a connection of `sqlite3`."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")

"""Documents in PostgreSQL: each library has a schema in the database, so that collections share one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, func, inspect, make_url, select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema, DropSchema

from retriever.address import shown_url
from retriever.errors import IsthmusError, LibraryBusyError, StoreServerError
from retriever.store import tables
from retriever.store.database import Database

CONNECT_SECONDS = 10
BUSY_SECONDS = 3
"""How long a process waits for a library: the server may take a moment to see that another one was killed."""
IDLE_CONNECTIONS, MAX_CONNECTIONS = 1, 5
"""Connections that a library keeps beside the one of its lock, and has at most: a server may have 21 libraries open."""
SESSION = "-clock_timeout=30s -ctcp_keepalives_idle=30 -ctcp_keepalives_interval=10 -ctcp_keepalives_count=3"
"""A server sees within a minute that a process has gone, and nothing waits for a lock for ever."""
SOCKET = {"keepalives_idle": 30, "tcp_user_timeout": 30_000}  # seconds, milliseconds
LOCK_NOT_AVAILABLE = "55P03"
MAKING = 7_478_641
"""The advisory lock that keeps two processes from making the same tables."""


class PostgresqlDatabase(Database):
    """A library's schema. Threads and processes may share it.

    Every method raises StoreServerError if the server does not answer, or fails.
    """

    _begin_reading = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
    _begin_writing = "LOCK TABLE state IN EXCLUSIVE MODE"  # which readers do not wait for

    def __init__(self, engine: Engine, library_id: str) -> None:
        super().__init__(engine)
        self._schema = schema_name(library_id)
        self._key = int(library_id[:15], 16)
        self._lock: Connection | None = None
        self._is_acquired = False

    @property
    def url(self) -> URL:
        """Where the database is."""
        return self._engine.url

    def has_tables(self) -> bool:
        """Whether the schema has a library."""
        with self._errors(), self._engine.connect() as connection:
            return bool(inspect(connection).has_table(tables.state.name, schema=self._schema))

    def create_tables(self) -> None:
        """Make the schema and its tables, unless they are there."""
        if self.has_tables():
            return
        with self._errors(), self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(MAKING)))
            connection.execute(CreateSchema(self._schema, if_not_exists=True))
            if not inspect(connection).has_table(tables.state.name, schema=self._schema):
                tables.create_in_postgresql(connection)

    def acquire(self) -> None:
        """Keep other processes from it until it is closed. Raises LibraryBusyError if one has it."""
        with self._errors():
            self._lock = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                self._lock.exec_driver_sql(f"SET lock_timeout = '{BUSY_SECONDS}s'")
                self._lock.execute(select(func.pg_advisory_lock(self._key)))
            except BaseException as error:
                self._release()
                if getattr(getattr(error, "orig", None), "sqlstate", None) != LOCK_NOT_AVAILABLE:
                    raise
                raise LibraryBusyError(
                    f"Another process has this library open in the PostgreSQL database at {place(self.url)}; use it "
                    "there, or stop it first."
                ) from error
        self._is_acquired = True

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """As `Database.writing`; a process that has acquired the database acquires it again if the server was gone."""
        if self._is_acquired and not self._has_lock():
            self._release()
            self.acquire()
        with super().writing() as connection:
            yield connection

    def _has_lock(self) -> bool:
        """Whether the connection that holds the lock is there still."""
        try:
            return self._lock is not None and self._lock.scalar(select(1)) == 1
        except SQLAlchemyError:
            return False

    def drop(self) -> None:
        """Delete the schema, with all that it holds."""
        with self._errors(), self._engine.begin() as connection:
            connection.execute(DropSchema(self._schema, cascade=True, if_exists=True))

    def close(self) -> None:
        """End the connections, and let other processes have the library."""
        self._release()
        super().close()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.invalidate()
            self._lock.close()
            self._lock = None

    def _driver_error(self, error: DBAPIError) -> BaseException:
        if isinstance(error, IntegrityError):
            return super()._driver_error(error)
        server = f"The PostgreSQL server at {place(self.url)}"
        state = getattr(error.orig, "sqlstate", None)
        if error.connection_invalidated or state is None or state.startswith(("08", "57P")):
            return StoreServerError(f"{server} does not answer any more", cause_of(error, self.url))
        hint = "check the rights of its user" if state.startswith("42") else "see its log"
        return StoreServerError(f"{server} answers with an error", cause_of(error, self.url), hint)


def open_postgresql(address: str, library_id: str) -> PostgresqlDatabase:
    """The schema of a library in the database at an address such as postgresql://NAME:PASSWORD@HOST/DATABASE.

    Raises IsthmusError if psycopg is not installed. Connects when it is first used.
    """
    url = make_url(address).set(drivername="postgresql+psycopg")
    options = f"{url.query.get('options', '')} -csearch_path={schema_name(library_id)} {SESSION}".strip()
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=IDLE_CONNECTIONS,
            max_overflow=MAX_CONNECTIONS - IDLE_CONNECTIONS,
            connect_args={"connect_timeout": CONNECT_SECONDS, "options": options, **SOCKET},
        )
    except ImportError as error:
        raise IsthmusError("documents_url needs psycopg; run `pip install 'isthmus[cluster]'`.") from error
    return PostgresqlDatabase(engine, library_id)


def schema_name(library_id: str) -> str:
    """The schema of a library. Raises IsthmusError if it is no id."""
    if not re.fullmatch(r"[0-9a-f]{32}", library_id):
        raise IsthmusError(f"{library_id[:40]!r} is no id of a library; put back its documents.id from a copy.")
    return f"isthmus_{library_id}"


def place(url: URL) -> str:
    """How messages call a database: without its password."""
    return shown_url(url.render_as_string(hide_password=True)).replace("postgresql+psycopg", "postgresql")


def cause_of(error: Exception, url: URL) -> str:
    """What the driver says, in one line, without the password."""
    cause = " ".join(str(getattr(error, "orig", None) or error).split())
    return cause.replace(url.password, "…") if url.password else cause

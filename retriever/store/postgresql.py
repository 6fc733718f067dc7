"""Documents in PostgreSQL: each library has a schema in the database, so that collections share one.

Several processes use a library at once. Two kinds of advisory locks keep them apart, and end with the connection that
has them: one process at a time writes a document (`PostgresqlDatabase.locked`), and while a process has the library
open no other may have it alone (`PostgresqlDatabase.joined`).
"""

import hashlib
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, func, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema, DropSchema

from retriever.address import shown_url
from retriever.errors import IsthmusError, LibraryBusyError, StoreServerError
from retriever.store import tables
from retriever.store.database import Database

CONNECT_SECONDS = 10
BUSY_SECONDS = 3
"""How long a process waits for a library: the server may take a moment to see that another one was killed."""
LOCK_SECONDS = 600
"""How long a process waits for another one that writes the same document: a large one may take minutes to embed."""
IDLE_CONNECTIONS, MAX_CONNECTIONS = 1, 6
"""Connections that a library keeps beside the one that listens, and has at most; a process may have 21 libraries."""
SESSION = (
    "-clock_timeout=30s -cidle_in_transaction_session_timeout=60s "
    "-ctcp_keepalives_idle=30 -ctcp_keepalives_interval=10 -ctcp_keepalives_count=3"
)
"""A server sees within a minute that a process has gone or stands still, and nothing waits for a lock for ever."""
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
        self._presence = int(library_id[:15], 16)
        self._held = threading.local()  # the connection that has the locks of this thread
        self._alone: int | None = None  # the server's process that has the library alone for this one

    @property
    def url(self) -> URL:
        """Where the database is."""
        return self._engine.url

    def has_tables(self) -> bool:
        """Whether the schema has a library."""
        return tables.state.name in self._tables()

    def create_tables(self) -> None:
        """Make the schema and the tables that are not there."""
        if tables.names_in_postgresql() <= self._tables():
            return
        with self._errors(), self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(MAKING)))
            connection.execute(CreateSchema(self._schema, if_not_exists=True))
            tables.create_in_postgresql(connection)

    def _tables(self) -> set[str]:
        with self._errors(), self._engine.connect() as connection:
            return set(inspect(connection).get_table_names(schema=self._schema))

    @contextmanager
    def joined(self, *, alone: bool = False) -> Iterator[Connection]:
        """Note that this process uses the library; gives a connection that hears of its changes (`notify`).

        Raises LibraryBusyError if another process has it alone or, with `alone`, if any other has it.
        """
        with self._errors(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            lock = func.pg_advisory_lock if alone else func.pg_advisory_lock_shared
            try:
                connection.exec_driver_sql(f"SET lock_timeout = '{BUSY_SECONDS}s'")
                try:
                    connection.execute(select(lock(self._presence)))
                except DBAPIError as error:
                    if _state(error) != LOCK_NOT_AVAILABLE:
                        raise
                    raise LibraryBusyError(
                        f"Another process has this library open in the PostgreSQL database at {place(self.url)}; use "
                        "it there, or stop it first."
                    ) from error
                if alone:
                    self._alone = connection.scalar(select(func.pg_backend_pid()))
                connection.exec_driver_sql(f"LISTEN {self._schema}")
                yield connection
            finally:
                if alone:
                    self._alone = None
                connection.invalidate()  # locks end with the connection

    def notify(self, connection: Connection) -> None:
        """Wake those who have joined, once the transaction of this connection is committed."""
        connection.execute(select(func.pg_notify(self._schema, "")))

    @contextmanager
    def locked(self, names: Iterable[str] = (), *, alone: bool = False, seconds: int = LOCK_SECONDS) -> Iterator[None]:
        """Be the only one, of all threads and processes, that has locked one of these names.

        With `alone` nobody else has locked any name, or writes. What this thread writes meanwhile goes over the
        connection that has the locks: once they are lost, nothing is written. Raises LibraryBusyError if another one
        has them for so many seconds.
        """
        lock = func.pg_advisory_lock if alone else func.pg_advisory_lock_shared
        locks = [lock(self._key())]
        locks += [func.pg_advisory_lock(key) for key in sorted({self._key(name) for name in names})]  # in one order
        deadline = time.monotonic() + seconds
        outer = getattr(self._held, "connection", None)
        with self._errors(), self._engine.connect() as connection:
            try:
                with connection.begin():
                    for each in locks:
                        left = max(1, round(1000 * (deadline - time.monotonic())))
                        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {left}")
                        connection.execute(select(each))
                self._held.connection = connection
                yield
            finally:
                self._held.connection = outer
                _unlock(connection)

    def try_lock(self, names: Iterable[str]) -> list[str]:
        """Within `locked`, lock those of the names that nobody has locked, until that block ends; gives them."""
        with self._transaction() as connection:
            tried = ((name, func.pg_try_advisory_lock(self._key(name))) for name in names)
            return [name for name, lock in tried if connection.scalar(select(lock))]

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A transaction; within `locked`, over the connection that has the locks."""
        held = getattr(self._held, "connection", None)
        with self._errors():
            if held is None:
                with self._engine.begin() as connection:
                    yield connection
            elif held.invalidated:  # it would connect anew, without the locks
                raise self._gone("the connection was lost")
            else:
                with held.begin():
                    yield held

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """As `Database.writing`; see `locked`.

        Raises LibraryBusyError, and writes nothing, if another process has the library alone by now or, where this one
        had it alone, if it has lost that.
        """
        is_locked = getattr(self._held, "connection", None) is not None
        with self._transaction() as connection:
            if not self._may_write(connection):
                raise LibraryBusyError(
                    f"Another process has the library in the PostgreSQL database at {place(self.url)} for itself by "
                    "now; nothing was written."
                )
            if not is_locked:
                connection.execute(select(func.pg_advisory_xact_lock_shared(self._key())))
            connection.exec_driver_sql(self._begin_writing)
            yield connection

    def _may_write(self, connection: Connection) -> bool:
        """Whether nobody else has the library alone, until the transaction ends; or whether this process still has."""
        if self._alone is None:
            return bool(connection.scalar(select(func.pg_try_advisory_xact_lock_shared(self._presence))))
        is_alone = text(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
            "AND mode = 'ExclusiveLock' AND pid = :pid AND (classid::bigint << 32) | objid::bigint = :key)"
        )
        return bool(connection.scalar(is_alone, {"pid": self._alone, "key": self._presence}))

    def drop(self) -> None:
        """Delete the schema, with all that it holds."""
        with self._errors(), self._engine.begin() as connection:
            connection.execute(DropSchema(self._schema, cascade=True, if_exists=True))

    def _key(self, name: str = "") -> int:
        """The number of an advisory lock: of a name, or of whoever writes."""
        digest = hashlib.blake2b(f"{self._schema} {name}".encode(errors="replace"), digest_size=8).digest()
        return int.from_bytes(digest, "little", signed=True)

    def _gone(self, cause: str) -> StoreServerError:
        return StoreServerError(f"The PostgreSQL server at {place(self.url)} does not answer any more", cause)

    def _driver_error(self, error: DBAPIError) -> BaseException:
        if isinstance(error, IntegrityError):
            return super()._driver_error(error)
        state, cause = _state(error), cause_of(error, self.url)
        if state == LOCK_NOT_AVAILABLE:
            return LibraryBusyError(
                f"Another process changes the library in the PostgreSQL database at {place(self.url)}; try again when "
                "it is done."
            )
        if error.connection_invalidated or state is None or state.startswith(("08", "25P03", "57P")):
            return self._gone(cause)
        hint = "check the rights of its user" if state.startswith("42") else "see its log"
        return StoreServerError(f"The PostgreSQL server at {place(self.url)} answers with an error", cause, hint)


def _unlock(connection: Connection) -> None:
    """Give back the locks of a connection."""
    if connection.invalidated:  # they ended with it
        return
    try:
        connection.execute(select(func.pg_advisory_unlock_all()))
        connection.commit()
    except SQLAlchemyError:
        connection.invalidate()


def _state(error: DBAPIError) -> str | None:
    """PostgreSQL's code of an error; None if the server did not say it."""
    return getattr(error.orig, "sqlstate", None)


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

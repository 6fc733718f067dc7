"""Debian's PostgreSQL, started once for the tests that run over both databases."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import unused_port

PASSWORD = "s3cret-of-postgres"
ACCOUNT = "postgres"
"""The account that PostgreSQL runs in where the tests run as root, which it refuses."""
UNSAFE = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
"""What makes it quick, and is safe for tests alone."""


class PostgreSQL:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, database: str, password: str = PASSWORD) -> str:
        """The address of a database, with the password in it."""
        return f"postgresql://{ACCOUNT}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


def _program(name: str) -> str | None:
    """A program of PostgreSQL, which Debian does not put on the path."""
    return shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """PostgreSQL on a loopback port, with its data in a folder that goes away; skips where it is not installed."""
    initdb, postgres = _program("initdb"), _program("postgres")
    if not initdb or not postgres:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="isthmus-pg-", dir="/tmp") as folder, contextlib.ExitStack() as stack:
        user = ACCOUNT if os.geteuid() == 0 else None
        if user:
            shutil.chown(folder, user, user)
        data, password_file = f"{folder}/data", f"{folder}/password"
        Path(password_file).write_text(PASSWORD)
        Path(password_file).chmod(0o644)
        options = ["--username", ACCOUNT, "--auth", "scram-sha-256", "--pwfile", password_file, "--encoding", "UTF8"]
        subprocess.run(
            [initdb, "--no-sync", "--pgdata", data, *options], user=user, cwd=folder, check=True, capture_output=True
        )
        port = unused_port()
        listening = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", "unix_socket_directories="]
        command = [postgres, "-D", data, *listening, *UNSAFE]
        server = stack.enter_context(subprocess.Popen(command, user=user, cwd=folder, stderr=subprocess.DEVNULL))
        stack.callback(server.send_signal, signal.SIGINT)  # which ends connections too
        _wait_until_it_answers(port, server)
        yield PostgreSQL(port)


def _wait_until_it_answers(port: int, server: "subprocess.Popen[bytes]") -> None:
    while True:
        assert server.poll() is None, "PostgreSQL ended"
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(PostgreSQL(port).url("postgres")):
            return
        time.sleep(0.05)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], scope="module")
def new_state(request) -> Callable[[], str | None]:
    """Gives values of the setting `state_url`: None, and then, in a second turn, new databases of PostgreSQL."""
    if request.param == "sqlite":
        return lambda: None
    new_database: Callable[[], str] = request.getfixturevalue("postgresql").new_database
    return new_database

"""Debian's PostgreSQL on a loopback port, for the tests that run over it."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

PASSWORD = "s3cret-of-postgres"
ACCOUNT = "postgres"
"""The account that PostgreSQL runs in where the tests run as root, which it refuses."""
UNSAFE = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]
"""What makes it quick, and is safe for tests alone."""


class PostgreSQL:
    """A server, which can be stopped and started again."""

    def __init__(self, folder: Path, port: int, *, is_safe: bool = False) -> None:
        self.port = port
        self._options = [] if is_safe else UNSAFE
        self._folder = folder
        self._user = ACCOUNT if os.geteuid() == 0 else None
        self._server: subprocess.Popen[bytes] | None = None

    def make_data(self) -> None:
        """Make the folder of its data."""
        if self._user:
            shutil.chown(self._folder, self._user, self._user)
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        options = ["--username", ACCOUNT, "--auth", "scram-sha-256", "--pwfile", str(password), "--encoding", "UTF8"]
        command = [_program("initdb"), "--no-sync", "--pgdata", str(self._folder / "data"), *options]
        subprocess.run(command, user=self._user, cwd=self._folder, check=True, capture_output=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listening = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}", "-c", "unix_socket_directories="]
        command = [_program("postgres"), "-D", str(self._folder / "data"), *listening, *self._options]
        self._server = subprocess.Popen(command, user=self._user, cwd=self._folder, stderr=subprocess.DEVNULL)
        while True:
            assert self._server.poll() is None, "PostgreSQL ended"
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres")):
                return
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, and end its connections."""
        if self._server:
            self._server.send_signal(signal.SIGINT)
            self._server.wait()
            self._server = None

    def url(self, database: str, password: str = PASSWORD) -> str:
        """The address of a database, with the password in it."""
        return f"postgresql://{ACCOUNT}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a new, empty database."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@contextlib.contextmanager
def running_postgresql(port: int, *, is_safe: bool = False) -> Iterator[PostgreSQL]:
    """A new server, with its data in a folder that goes away; it forces commits to disk if it is to be safe."""
    with tempfile.TemporaryDirectory(prefix="isthmus-pg-", dir="/tmp") as folder:
        server = PostgreSQL(Path(folder), port, is_safe=is_safe)
        server.make_data()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def is_installed() -> bool:
    """Whether PostgreSQL is on this machine."""
    return bool(_program("initdb") and _program("postgres"))


def _program(name: str) -> str:
    """A program of PostgreSQL, which Debian does not put on the path; empty if there is none."""
    return shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default="")

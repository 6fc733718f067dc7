"""Seeing what other processes change: PostgreSQL tells of it, and a look every few seconds stands behind that."""

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import cast

import psycopg
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from retriever.errors import IsthmusError
from retriever.store.shared_documents import SharedDocuments

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""How long it takes at most until a change is seen that PostgreSQL did not tell of."""
REST_SECONDS, MAX_REST_SECONDS = 0.3, 10.0
"""From one look to the next, at least and at most: many changes in a row are seen together."""
BUSY_SHARE = 0.05
"""Share of the time that looks may take, as long as MAX_REST_SECONDS is not reached."""
RETRY_SECONDS = 1.0
"""From one attempt to connect to the next."""


class Watch:
    """Calls `look` in a thread of its own when the documents have changed, and every POLL_SECONDS.

    As long as it is not closed, this process counts as one that uses the library, with `alone` as the only one. After
    a loss of the connection it connects anew; with `alone` it does not, and this process writes nothing any more.
    Raises LibraryBusyError as `SharedDocuments.joined`.
    """

    def __init__(self, documents: SharedDocuments, look: Callable[[], None], *, alone: bool = False) -> None:
        self._documents = documents
        self._look = look
        self._alone = alone
        self._is_closing = threading.Event()
        self._joined = ExitStack()
        self._connection = self._join()
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def close(self) -> None:
        """Wait for the look under way; this process does not use the library any more."""
        self._is_closing.set()
        self._waker.send(b".")
        if self._thread.is_alive():
            self._thread.join()
        self._joined.close()
        for end in (self._wake, self._waker):
            end.close()

    def _join(self) -> Connection:
        return self._joined.enter_context(self._documents.joined(alone=self._alone))

    def _run(self) -> None:
        was_told = False
        while not self._is_closing.is_set():
            start = time.monotonic()
            failure = self._failure_of(self._look)
            rest = (time.monotonic() - start) / BUSY_SHARE
            self._is_closing.wait(min(MAX_REST_SECONDS, max(REST_SECONDS, rest)))
            loss = self._failure_of(self._wait)
            if cause := loss or failure:
                if self._is_deleted():
                    return
                if not was_told:  # once, however long it lasts
                    logger.warning("Changes of other processes are not seen for the moment: %s", cause)
            was_told = bool(cause)
            if loss and (self._alone or not self._connect()):
                return

    def _failure_of(self, action: Callable[[], None]) -> str:
        """Why an action failed, in a sentence; empty if it did not."""
        try:
            action()
        except IsthmusError as error:
            return str(error)
        except (SQLAlchemyError, psycopg.Error):
            return "the connection to PostgreSQL was lost."
        except Exception:
            logger.exception("Looking for changes of other processes failed.")
            return "see the error above."
        return ""

    def _wait(self) -> None:
        """Until a change is told of, or POLL_SECONDS. Fails if the connection was lost."""
        driver = cast(psycopg.Connection, self._connection.connection.driver_connection)
        with selectors.DefaultSelector() as selector:
            selector.register(driver.fileno(), selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            selector.select(POLL_SECONDS)
        self._connection.execute(select(1))
        for _ in driver.notifies(timeout=0):  # what it told of has been heard
            pass

    def _is_deleted(self) -> bool:
        try:
            return not self._documents.is_there()
        except IsthmusError:
            return False

    def _connect(self) -> bool:
        """Connect anew, however long it takes; False if this is closed meanwhile."""
        while not self._is_closing.wait(RETRY_SECONDS):
            try:
                self._joined.close()
                self._connection = self._join()
                return True
            except (IsthmusError, SQLAlchemyError):
                continue
        return False

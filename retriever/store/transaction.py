"""An SQLite transaction."""

import sqlite3


class Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK if the block or the COMMIT raises, which is what the caller sees."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is not None:
            self._roll_back(error)
            return
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as failure:
            self._roll_back(failure)
            raise

    def _roll_back(self, error: BaseException) -> None:
        if not self._db.in_transaction:  # SQLite itself rolls back when the disk is full or fails
            return
        try:
            self._db.execute("ROLLBACK")
        except sqlite3.Error as failure:
            error.add_note(f"Rolling back failed too: {failure}")

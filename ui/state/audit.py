"""The audit trail: who did what, when; never what anybody asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from ui.state.database import AuditRow

KEPT = 10_000
"""Entries that are shown at most."""
Outcome = Literal["begun", "done", "failed"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry; `time` is in UTC, `outcome` stays "begun" if the server was killed meanwhile."""

    time: datetime
    who: str
    action: str
    what: str
    outcome: str

    @property
    def details(self) -> str:
        """What it was done to, and how it ended if it is not done."""
        return self.what if self.outcome == "done" else f"{self.what} ({self.outcome})".strip()


class AuditTrail:
    """The entries, in the order in which they came."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def record(self, who: str, action: str, what: str = "", outcome: Outcome = "done") -> int:
        """Add an entry; returns its number."""
        with Session(self._database) as session:
            row = AuditRow(who=who, action=action, what=what, outcome=outcome)
            session.add(row)
            session.commit()
            return row.id

    def end(self, entry: int, outcome: Outcome) -> None:
        """Say how what was begun has ended."""
        with Session(self._database) as session:
            session.execute(update(AuditRow).where(AuditRow.id == entry).values(outcome=outcome))
            session.commit()

    @contextmanager
    def recording(self, who: str, action: str, what: str) -> Iterator[None]:
        """Add an entry before something is done, and its outcome afterwards."""
        entry = self.record(who, action, what, "begun")
        try:
            yield
        except BaseException:
            self.end(entry, "failed")
            raise
        self.end(entry, "done")

    def entries(self, most: int = KEPT) -> list[AuditEntry]:
        """The latest entries, oldest first."""
        with Session(self._database) as session:
            rows = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(most)).all()
        return [AuditEntry(row.time, row.who, row.action, row.what, row.outcome) for row in reversed(rows)]

"""The audit trail: who did what, when; never what anybody asked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ui.state.database import AuditRow

KEPT = 10_000
"""Entries that are shown at most."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry; `time` is in UTC."""

    time: datetime
    who: str
    action: str
    what: str


class AuditTrail:
    """The entries, in the order in which they came."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def record(self, who: str, action: str, what: str = "") -> None:
        """Add an entry."""
        with Session(self._database) as session:
            session.add(AuditRow(who=who, action=action, what=what))
            session.commit()

    def entries(self) -> list[AuditEntry]:
        """The latest entries, oldest first."""
        with Session(self._database) as session:
            rows = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(KEPT)).all()
        return [AuditEntry(row.time, row.who, row.action, row.what) for row in reversed(rows)]

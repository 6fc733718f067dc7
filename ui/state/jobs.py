"""Jobs as the database keeps them: which files are to be taken in, and what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from pydantic import TypeAdapter
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from rag.types import Added
from ui.state.database import AuditRow, CollectionRow, JobFileRow, JobRow, now

KEPT = timedelta(days=7)
"""How long a job that has ended can be asked for."""
_added = TypeAdapter(Added)


@dataclass(frozen=True, slots=True)
class Job:
    """Files that are being added to the collection with the id `collection`.

    `results` are those of the files that are through, by the number of the file.
    """

    id: str
    owner: str
    collection: str
    replace: bool
    status: str
    error: str | None
    names: Sequence[str]
    results: Mapping[int, Added]


class JobTable:
    """The jobs of all servers of a library. What is recorded here outlasts a kill."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def add(self, id_: str, owner: str, collection: CollectionRow, names: Sequence[str], *, replace: bool) -> Job:
        """Add a job that waits, and its entry in the audit trail."""
        what = f"{collection.name}: {', '.join(names)}"
        entry = AuditRow(who=owner, action="add documents", what=what, outcome="begun")
        row = JobRow(id=id_, owner=owner, collection=collection.id, replace=replace, status="waiting")
        with Session(self._database) as session:
            session.add(entry)
            session.flush()
            row.entry = entry.id
            session.add(row)
            session.add_all(JobFileRow(job=id_, number=number, name=name) for number, name in enumerate(names))
            session.commit()
            return _job(session, row)

    def get(self, id_: str) -> Job | None:
        """A job by its id."""
        with Session(self._database) as session:
            row = session.get(JobRow, id_)
            return _job(session, row) if row else None

    def unfinished(self) -> list[Job]:
        """The jobs that have not ended, in the order in which they came."""
        with Session(self._database) as session:
            rows = session.scalars(select(JobRow).where(JobRow.ended.is_(None)).order_by(JobRow.created)).all()
            return [_job(session, row) for row in rows]

    def begin(self, id_: str) -> None:
        """A job's turn has come."""
        with Session(self._database) as session:
            session.execute(update(JobRow).where(JobRow.id == id_).values(status="running"))
            session.commit()

    def record(self, id_: str, number: int, result: Added) -> None:
        """A file of a job is through."""
        with Session(self._database) as session:
            session.get_one(JobFileRow, (id_, number)).result = asdict(result)
            session.commit()

    def end(self, id_: str, error: str | None = None) -> None:
        """A job is done, or has failed with a sentence. Jobs that ended long ago are forgotten."""
        with Session(self._database) as session:
            row = session.get_one(JobRow, id_)
            row.status, row.error, row.ended = "failed" if error else "done", error, now()
            session.execute(update(AuditRow).where(AuditRow.id == row.entry).values(outcome=row.status))
            old = select(JobRow.id).where(JobRow.ended < now() - KEPT)
            session.execute(delete(JobFileRow).where(JobFileRow.job.in_(old)))
            session.execute(delete(JobRow).where(JobRow.ended < now() - KEPT))
            session.commit()


def _job(session: Session, row: JobRow) -> Job:
    files = session.scalars(select(JobFileRow).where(JobFileRow.job == row.id).order_by(JobFileRow.number)).all()
    results = {file.number: _added.validate_python(file.result) for file in files if file.result is not None}
    names = [file.name for file in files]
    return Job(row.id, row.owner, row.collection, row.replace, row.status, row.error, names, results)

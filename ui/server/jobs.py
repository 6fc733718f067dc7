"""Jobs: documents are taken in one after the other while requests go on, and after a new start of the server."""

import logging
import shutil
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import SQLAlchemyError

from retriever.errors import IsthmusError, NotFoundError
from retriever.store.files import sync, sync_tree
from ui.state.collections import Collections
from ui.state.jobs import Job, JobTable
from ui.state.view import CollectionsView

logger = logging.getLogger(__name__)


class Jobs:
    """The jobs of one server, in the order in which they came. Their files wait in a folder, in one for each job."""

    def __init__(self, collections: Collections, folder: Path) -> None:
        self._collections = collections
        self._folder = folder
        self._table = JobTable(collections.database)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._stopping = threading.Event()

    def start(
        self, view: CollectionsView, collection: str, files: Sequence[tuple[str, BinaryIO]], *, replace: bool
    ) -> Job:
        """Add (name, content) to a collection. Once this returns, a stop or a kill of the server loses no file.

        Raises NotFoundError and ForbiddenError, and IsthmusError if the disk is full or fails.
        """
        row = view.writable(collection)
        id_ = uuid.uuid4().hex
        try:
            self._store(id_, [content for _, content in files])
            job = self._table.add(id_, view.access.name, row, [name for name, _ in files], replace=replace)
        except OSError as error:
            self._remove_files(id_)
            raise IsthmusError(
                f"The upload cannot be kept ({error.strerror}); the server's disk is full or fails."
            ) from error
        except BaseException:
            self._remove_files(id_)
            raise
        self._worker.submit(self._run, job)
        return job

    def job(self, id_: str, owner: str) -> Job:
        """A job by its id and who started it. Raises NotFoundError."""
        job = self._table.get(id_)
        if job is None or job.owner != owner:
            raise NotFoundError("There is no such job, or it ended more than a week ago.")
        return job

    def resume(self) -> None:
        """Take up what an earlier server left undone."""
        jobs = self._table.unfinished()
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for leftover in {path.name for path in self._folder.iterdir()} - {job.id for job in jobs}:
            self._remove_files(leftover)
        for job in jobs:
            self._worker.submit(self._run, job)

    def close(self) -> None:
        """Wait for the file that is being taken in; the others are for the next server."""
        self._stopping.set()
        self._worker.shutdown(cancel_futures=True)

    def _run(self, job: Job) -> None:
        try:
            self._work(job)
        except SQLAlchemyError:
            logger.exception("The server's database failed; the job is taken up again when the server next starts.")

    def _work(self, job: Job) -> None:
        error = None
        try:
            if not self._take_in(job):
                return
        except SQLAlchemyError:
            raise
        except IsthmusError as failure:
            error = str(failure)
        except Exception:
            logger.exception("A job failed.")
            error = "The job failed; the server's log says why."
        self._table.end(job.id, error)  # first, so that what a kill leaves undone is to delete files
        self._remove_files(job.id)

    def _take_in(self, job: Job) -> bool:
        """Add the files that are not through; returns whether all are, which they are not if the server stops."""
        left = [number for number in range(len(job.names)) if number not in job.results]
        files = [(job.names[number], self._file(job.id, number)) for number in left]
        if not all(file.exists() for _, file in files):
            raise IsthmusError("The uploaded files are not here any more; upload them again.")
        with self._collections.use(self._collections.row(job.collection)) as rag:
            self._table.begin(job.id)
            with closing(rag.library.add_each(files, replace=job.replace)) as results:
                for through, (place, result) in enumerate(results, start=1):
                    self._table.record(job.id, left[place], result)
                    files[place][1].unlink()
                    if self._stopping.is_set() and through < len(files):
                        return False
        return True

    def _store(self, id_: str, contents: Sequence[BinaryIO]) -> None:
        """Write files where they wait, for good."""
        folder = self._folder / id_
        folder.mkdir(mode=0o700, parents=True)
        for number, content in enumerate(contents):
            with self._file(id_, number).open("xb") as stored:
                shutil.copyfileobj(content, stored)
        sync_tree(folder)
        sync(self._folder)

    def _remove_files(self, id_: str) -> None:
        shutil.rmtree(self._folder / id_, ignore_errors=True)

    def _file(self, id_: str, number: int) -> Path:
        return self._folder / id_ / str(number)

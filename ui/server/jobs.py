"""Jobs: documents are taken in one after the other while requests go on, and after the server that had them has ended.

Several servers may share a library and the folder of its jobs. A server has a job while it holds the file lock beside
the job's files; the system gives that back when the server ends, however it does, and another one takes the job over.
"""

import logging
import shutil
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from retriever.errors import IsthmusError, NotFoundError
from retriever.store.files import sync, sync_tree
from ui.state.collections import Collections
from ui.state.jobs import Job, JobTable
from ui.state.view import CollectionsView

logger = logging.getLogger(__name__)

TAKE_OVER_SECONDS = 10.0
"""From one look for jobs that no server has to the next."""


class Jobs:
    """The jobs of a server, in the order in which they came. Their files wait in a folder, in one for each job."""

    def __init__(self, collections: Collections, folder: Path) -> None:
        self._collections = collections
        self._folder = folder
        self._table = JobTable(collections.database)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._locks: dict[str, FileLock] = {}  # of the jobs that this server has
        self._stopping = threading.Event()
        self._taking_over = threading.Thread(target=self._keep_taking_over, name="jobs", daemon=True)

    def start(
        self, view: CollectionsView, collection: str, files: Sequence[tuple[str, BinaryIO]], *, replace: bool
    ) -> Job:
        """Add (name, content) to a collection. Once this returns, a stop or a kill of the server loses no file.

        Raises NotFoundError and ForbiddenError, and IsthmusError if the disk is full or fails.
        """
        row = view.writable(collection)
        while not self._claim(id_ := uuid.uuid4().hex):  # another server may look at the new lock file just now
            pass
        try:
            self._store(id_, [content for _, content in files])
            job = self._table.add(id_, view.access.name, row, [name for name, _ in files], replace=replace)
        except OSError as error:
            self._let_go(id_)
            raise IsthmusError(
                f"The upload cannot be kept ({error.strerror}); the server's disk is full or fails."
            ) from error
        except BaseException:
            self._let_go(id_)
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
        """Take up what a server left undone that has ended, now and as long as this one runs."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._take_over()
        self._taking_over.start()

    def close(self) -> None:
        """Wait for the file that is being taken in; the others are for the next server, or another one."""
        self._stopping.set()
        if self._taking_over.is_alive():
            self._taking_over.join()
        self._worker.shutdown(cancel_futures=True)
        for lock in self._locks.values():
            lock.release()
        self._locks.clear()

    def _keep_taking_over(self) -> None:
        while not self._stopping.wait(TAKE_OVER_SECONDS):
            try:
                self._take_over()
            except (SQLAlchemyError, OSError) as error:
                logger.warning("Jobs that another server left cannot be looked for now (%s).", type(error).__name__)
            except Exception:
                logger.exception("Jobs that another server left cannot be looked for now.")

    def _take_over(self) -> None:
        """Take the jobs that no server has; delete files that are of no job, or of one that has ended."""
        unfinished = [job.id for job in self._table.unfinished()]
        stored = {path.stem for path in self._folder.iterdir()}
        for id_ in [*unfinished, *sorted(stored - set(unfinished))]:
            if id_ in self._locks or not self._claim(id_):
                continue
            try:
                job = self._table.get(id_)  # as it is since nobody else has it
            except BaseException:
                self._locks.pop(id_).release()
                raise
            if job and job.status in ("waiting", "running"):
                self._worker.submit(self._run, job)
            else:
                self._let_go(id_)

    def _claim(self, id_: str) -> bool:
        """Whether no other server has a job; then this one has it."""
        lock = FileLock(self._lock_file(id_), thread_local=False)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._locks[id_] = lock
        return True

    def _let_go(self, id_: str) -> None:
        """Delete the files of a job that has ended, or has not begun."""
        shutil.rmtree(self._folder / id_, ignore_errors=True)
        self._lock_file(id_).unlink(missing_ok=True)
        if lock := self._locks.pop(id_, None):
            lock.release()

    def _lock_file(self, id_: str) -> Path:
        return self._folder / f"{id_}.lock"

    def _run(self, job: Job) -> None:
        try:
            self._work(job)
        except SQLAlchemyError:
            logger.exception("The server's database failed; the job is taken up again in a moment.")
            self._locks.pop(job.id).release()

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
        self._let_go(job.id)

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

    def _file(self, id_: str, number: int) -> Path:
        return self._folder / id_ / str(number)

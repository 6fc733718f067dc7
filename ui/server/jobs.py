"""Jobs: documents are taken in one after the other while requests go on."""

import logging
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rag.pipeline import RAG
from rag.types import Added
from retriever.errors import IsthmusError, NotFoundError
from ui.page.uploads import Uploads
from ui.state.view import CollectionsView

logger = logging.getLogger(__name__)

KEPT = 1000
"""Finished jobs whose results can still be asked for."""


@dataclass(slots=True)
class Job:
    """Files that are being added. `done` of `total` files are through; `results` come at the end."""

    id: str
    owner: str
    total: int
    status: Literal["waiting", "running", "done", "failed"] = "waiting"
    done: int = 0
    results: list[Added] = field(default_factory=list)
    error: str | None = None


class Jobs:
    """The jobs of one server, in the order in which they came."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def start(self, view: CollectionsView, collection: str, files: Sequence[tuple[str, Path]], *, replace: bool) -> Job:
        """Add (name, uploaded file) to a collection; the files are deleted afterwards."""
        # It is in use from now on: neither a new name nor another collection of this name comes between.
        changing = ExitStack()
        rag = changing.enter_context(view.change(collection, "add documents", ", ".join(name for name, _ in files)))
        job = Job(uuid.uuid4().hex, view.access.name, len(files))
        self._jobs[job.id] = job
        while len(self._jobs) > KEPT and next(iter(self._jobs.values())).status in ("done", "failed"):
            self._jobs.popitem(last=False)
        self._worker.submit(self._run, changing, rag, job, files, replace)
        return job

    def job(self, id_: str, owner: str) -> Job:
        """A job by its id and who started it. Raises NotFoundError."""
        if id_ not in self._jobs or self._jobs[id_].owner != owner:
            raise NotFoundError("There is no such job; the server forgets jobs when it stops.")
        return self._jobs[id_]

    def close(self) -> None:
        """Wait for the job under way; those that wait are dropped."""
        self._worker.shutdown(cancel_futures=True)

    def _run(self, changing: ExitStack, rag: RAG, job: Job, files: Sequence[tuple[str, Path]], replace: bool) -> None:
        def progress(done: int, total: int, _: str) -> None:
            job.done = done

        job.status = "running"
        try:
            with changing:
                job.results = rag.library.add_named(files, progress, replace=replace)
            job.status = "done"
        except IsthmusError as error:
            job.error, job.status = str(error), "failed"
        except Exception:
            logger.exception("A job failed.")
            job.error, job.status = "The job failed; the server's log says why.", "failed"
        finally:
            self._uploads.remove(file for _, file in files)

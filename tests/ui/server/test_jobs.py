"""Uploads that were accepted are taken in once, whether the server goes on, stops or is killed meanwhile."""

import errno
import io
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from rag.documents import ingest
from rag.documents import library as library_module
from rag.settings import load_settings
from retriever.errors import IsthmusError, NotFoundError
from tests.conftest import ROOT, serving, unused_port
from tests.ui.server.conftest import QuotingEngine
from ui.server import jobs as jobs_worker
from ui.server.address import Address
from ui.server.jobs import Jobs
from ui.state import jobs as jobs_module
from ui.state.access import OWNER
from ui.state.collections import Collections
from ui.state.database import now
from ui.state.jobs import JobTable


@pytest.fixture
def collections(settings, new_state, fake_encoder):
    settings = load_settings(settings, state_url=new_state())
    with Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as collections:
        yield collections


@pytest.fixture
def start_jobs(collections, tmp_path):
    """Starts the jobs of one server after the other, over the same state."""
    started: list[Jobs] = []

    def start():
        jobs = Jobs(collections, tmp_path / "jobs")
        started.append(jobs)
        jobs.resume()
        return jobs

    yield start
    for jobs in started:
        jobs.close()


class SlowReading:
    """Documents are read once `go` is set; `begun` says that one waits for it."""

    def __init__(self, monkeypatch):
        self.begun = threading.Event()
        self.go = threading.Event()
        read = ingest.read_document

        def read_document(*arguments):
            self.begun.set()
            assert self.go.wait(30)
            return read(*arguments)

        monkeypatch.setattr(library_module, "read_document", read_document)


def upload(jobs, collections, *texts, collection="library", replace=False):
    files = [(f"{number}.txt", io.BytesIO(text.encode())) for number, text in enumerate(texts)]
    return jobs.start(collections.of(OWNER), collection, files, replace=replace).id


def ended(jobs, id_):
    """The job once it has ended."""
    while (job := jobs.job(id_, OWNER.name)).status in ("waiting", "running"):
        time.sleep(0.01)
    return job


def statuses(job):
    return [job.results[number].status for number in range(len(job.names))]


def sources(collections):
    return sorted(document.source for document in collections.library.documents())


def outcomes(collections):
    return [(entry.what, entry.outcome) for entry in collections.accounts.audit.entries()]


def stop_while_it_reads(server, reading):
    """Close a server that is reading a file, and let it end that one."""
    stopping = threading.Thread(target=server.close)
    stopping.start()
    while not server._stopping.is_set():
        time.sleep(0.01)
    reading.go.set()
    stopping.join()


def test_a_stop_waits_for_one_file_and_the_next_server_goes_on(collections, start_jobs, tmp_path, monkeypatch):
    reading = SlowReading(monkeypatch)
    first = start_jobs()
    running = upload(first, collections, "One.", "Two.", "Three.")
    waiting = upload(first, collections, "Four.", replace=True)
    assert reading.begun.wait(30)
    stop_while_it_reads(first, reading)
    assert sources(collections) == ["0.txt"]
    assert [(job.status, len(job.results)) for job in JobTable(collections.database).unfinished()] == [
        ("running", 1),
        ("waiting", 0),
    ]
    assert [outcome for _, outcome in outcomes(collections)] == ["begun", "begun"]
    second = start_jobs()
    assert statuses(ended(second, running)) == ["added", "added", "added"]
    assert statuses(ended(second, waiting)) == ["replaced"]
    assert sources(collections) == ["0.txt", "1.txt", "2.txt"]
    assert outcomes(collections) == [("library: 0.txt, 1.txt, 2.txt", "done"), ("library: 0.txt", "done")]
    second.close()
    assert not list((tmp_path / "jobs").iterdir())


def test_a_job_is_one_servers_and_another_takes_it_over_when_that_one_ends(collections, start_jobs, monkeypatch):
    monkeypatch.setattr(jobs_worker, "TAKE_OVER_SECONDS", 0.05)
    reading = SlowReading(monkeypatch)
    first, second = start_jobs(), start_jobs()
    running = upload(first, collections, "One.", "Two.")
    waiting = upload(first, collections, "Three.", replace=True)
    assert reading.begun.wait(30)
    third = start_jobs()
    assert not third._locks
    assert upload(second, collections, "Four.") in second._locks
    stop_while_it_reads(first, reading)
    assert statuses(ended(second, running)) == ["added", "added"]
    assert statuses(ended(third, waiting)) == ["replaced"]


def test_a_file_that_a_kill_left_half_recorded_is_not_added_twice(collections, start_jobs, monkeypatch, caplog):
    collections.library.library.add_texts([("0.txt", "Another document of that name.")])
    first = start_jobs()

    def fail(*_):
        raise OperationalError("", None, RuntimeError("the server is gone"))

    with monkeypatch.context() as broken:
        broken.setattr(JobTable, "record", fail)
        id_ = upload(first, collections, "One.", "Two.")
        first._worker.shutdown()
    assert "taken up again" in caplog.text
    assert sources(collections) == ["0 (2).txt", "0.txt"]
    assert statuses(ended(start_jobs(), id_)) == ["unchanged", "added"]
    assert sources(collections) == ["0 (2).txt", "0.txt", "1.txt"]


def test_a_collection_that_is_deleted_meanwhile_fails_its_jobs(collections, start_jobs, tmp_path, monkeypatch):
    view = collections.of(OWNER)
    view.create("passing")
    reading = SlowReading(monkeypatch)
    jobs = start_jobs()
    first = upload(jobs, collections, "One.")
    second = upload(jobs, collections, "Two.", collection="passing")
    assert reading.begun.wait(30)
    view.delete("passing")
    reading.go.set()
    assert ended(jobs, first).status == "done"
    job = ended(jobs, second)
    assert (job.status, job.error) == ("failed", "The collection has been deleted.")
    jobs.close()
    assert not list((tmp_path / "jobs").iterdir())
    assert outcomes(collections)[-2:] == [("passing: 0.txt", "failed"), ("passing", "done")]


def test_a_renamed_collection_gets_its_files(collections, start_jobs, monkeypatch):
    view = collections.of(OWNER)
    view.create("before")
    reading = SlowReading(monkeypatch)
    jobs = start_jobs()
    upload(jobs, collections, "One.")
    id_ = upload(jobs, collections, "Two.", collection="before")
    assert reading.begun.wait(30)
    view.rename("before", "after")
    reading.go.set()
    assert ended(jobs, id_).status == "done"
    assert view.info("after").documents == 1


def test_files_without_a_job_go_and_a_job_without_files_says_so(collections, start_jobs, tmp_path, monkeypatch):
    (tmp_path / "jobs" / "leftover").mkdir(parents=True)
    (tmp_path / "jobs" / "leftover" / "0").write_text("Words.")
    table = JobTable(collections.database)
    row = collections.row("library")
    table.add("a", OWNER.name, row, ["a.txt"], replace=False)  # as a backup brings it along
    jobs = start_jobs()
    assert "upload them again" in ended(jobs, "a").error
    jobs.close()
    assert not list((tmp_path / "jobs").iterdir())


def test_a_disk_that_is_full_is_one_sentence_and_leaves_nothing(collections, start_jobs, tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    jobs = start_jobs()
    monkeypatch.setattr(jobs_worker, "sync_tree", fail)
    with pytest.raises(IsthmusError, match=r"cannot be kept \(No space left on device\)"):
        upload(jobs, collections, "One.")
    assert not list((tmp_path / "jobs").iterdir())
    assert not JobTable(collections.database).unfinished()


def test_a_job_is_forgotten_after_a_week(collections, start_jobs, monkeypatch):
    jobs = start_jobs()
    old = upload(jobs, collections, "One.")
    assert ended(jobs, old).status == "done"
    monkeypatch.setattr(jobs_module, "now", lambda: now() + timedelta(days=8))
    new = upload(jobs, collections, "Two.")
    assert ended(jobs, new).status == "done"
    with pytest.raises(NotFoundError, match="ended more than a week ago"):
        jobs.job(old, OWNER.name)


SERVER = """
import sys
from pathlib import Path

from rag.settings import load_settings
from tests.conftest import FakeEncoder
from tests.ui.server.conftest import QuotingEngine
from ui.answering.answering import Answering
from ui.page.uploads import open_uploads
from ui.server.address import Address
from ui.server.app import application
from ui.server.serving import serve
from ui.state.collections import Collections

address = Address("127.0.0.1", int(sys.argv[2]))
settings = load_settings(library=Path(sys.argv[1]), sample=False)
with (
    address.bind() as listener,
    Collections(settings, encoder=FakeEncoder(), engine=QuotingEngine()) as collections,
    open_uploads(settings.library / "uploads", 10_000_000) as uploads,
):
    answering = Answering(collections)
    serve(application(collections, address, uploads, answering), answering.queue, address, listener)
"""


@pytest.mark.slow
def test_a_killed_server_goes_on_where_it_was(fake_encoder, tmp_path):
    library, address = tmp_path / "library", Address("127.0.0.1", unused_port())
    names = [f"{number}.txt" for number in range(10)]
    files = [("files", (name, f"The office of {name} opens at nine. ".encode() * 10)) for name in names]
    command = [sys.executable, "-c", SERVER, str(library), str(address.port)]
    with (
        httpx.Client(base_url=address.url, trust_env=False, timeout=60) as http,
        subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as server,
    ):
        assert b"Running" in server.stdout.readline()
        location = http.post("/v1/documents", files=files).headers["Location"]
        while not (job := http.get(location).json())["done"]:
            assert job["status"] in ("waiting", "running")
        server.kill()
    settings = load_settings(library=library, sample=False)
    with (
        Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as collections,
        serving(collections, address),
        httpx.Client(base_url=address.url, trust_env=False, timeout=60) as http,
    ):
        while (job := http.get(location).json())["status"] in ("waiting", "running"):
            time.sleep(0.1)
        assert sources(collections) == sorted(names)
    assert job["done"] == len(names)
    assert {result["status"] for result in job["results"]} <= {"added", "unchanged"}
    assert not os.listdir(library / "jobs")

"""Users at once of one or two API processes on one library; see `benchmarks.cluster`."""

import contextlib
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from benchmarks.report import publish
from benchmarks.server import Reply, free_port, over_http, running_generator, running_page
from rag.documents.library import Library
from rag.documents.sample import add_sample, questions
from rag.settings import load_settings
from tests.postgresql import running_postgresql
from tests.qdrant_edge import EdgeClient, engine
from tests.qdrant_rest import qdrant_app, running

QUESTIONS, USERS = 200, (1, 10, 50)
COLUMNS = ("library", "API processes", "users", "questions", "failed", "a second", "p50 ms", "p95 ms")


def users() -> None:
    """The table `cluster-users`."""
    sample = [question.question for question in questions()]
    asked = [sample[number % len(sample)] for number in range(QUESTIONS)]
    table: list[list[object]] = []
    with tempfile.TemporaryDirectory() as scratch, running_generator() as generator:
        place = Path(scratch)
        table += ask_all("embedded", 1, place / "embedded", asked, generator)
        with running_postgresql(free_port(), is_safe=True) as postgresql, running_qdrant(place / "qdrant") as qdrant:
            database = postgresql.new_database()
            urls = {**generator, "qdrant_url": qdrant, "documents_url": database, "state_url": database}
            for processes in (1, 2):
                table += ask_all("PostgreSQL and Qdrant", processes, place / "shared", asked, urls)
    publish(
        "cluster-users",
        "Users at once over REST, of one library in one or two API processes; the generator replies at once",
        COLUMNS,
        table,
        data="the sample articles and their questions",
    )


def ask_all(
    library: str, processes: int, folder: Path, asked: Sequence[str], settings: dict[str, str]
) -> Iterator[list[object]]:
    """A line of the table for each number of users."""
    with Library(load_settings(library=folder, **settings)) as opened:
        add_sample(opened)
    with contextlib.ExitStack() as servers:
        urls = [servers.enter_context(running_page(folder, **settings))[0] for _ in range(processes)]
        ask(urls, len(urls), asked[:20])
        for count in USERS:
            replies, seconds = ask(urls, count, asked)
            times = [1000 * reply.seconds for reply in replies if reply.timings]
            failed = len(replies) - len(times)
            p50, p95 = np.percentile(times, [50, 95])
            yield [library, processes, count, len(replies), failed, len(replies) / seconds, p50, p95]


def ask(urls: Sequence[str], count: int, asked: Sequence[str]) -> tuple[list[Reply], float]:
    """So many users, dealt to the servers like cards; the replies, and the seconds of all."""
    crowds = [len(range(number, count, len(urls))) for number in range(len(urls))]
    asking = [(url, crowd) for url, crowd in zip(urls, crowds, strict=True) if crowd]
    with ThreadPoolExecutor(len(asking)) as pool:
        parts = [
            pool.submit(over_http, url, "/v1/ask", crowd, asked[number :: len(asking)])
            for number, (url, crowd) in enumerate(asking)
        ]
        done = [part.result() for part in parts]
    return [reply for replies, _ in done for reply in replies], max(seconds for _, seconds in done)


@contextlib.contextmanager
def running_qdrant(folder: Path) -> Iterator[str]:
    """Qdrant's engine over HTTP in a process of its own; yields its address."""
    context = multiprocessing.get_context("spawn")
    port, ready, end = free_port(), context.Event(), context.Event()
    process = context.Process(target=serve_qdrant, args=(folder, port, ready, end))
    process.start()
    ready.wait(60)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        end.set()
        process.join()


def serve_qdrant(folder: Path, port: int, ready: Event, end: Event) -> None:
    """Serve until `end`."""
    client = EdgeClient(folder)
    with contextlib.closing(client), running(qdrant_app(engine(client).client), port):
        ready.set()
        end.wait()

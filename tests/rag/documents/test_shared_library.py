"""Several processes change one library, are killed, and lose their servers: nothing is lost, doubled or half there."""

import contextlib
import json
import os
import random
import signal
import time

import psycopg
import pytest
from qdrant_client import QdrantClient

from rag.documents.library import Library
from rag.settings import load_settings
from retriever.store.opening import open_shared_documents
from tests.conftest import unused_port
from tests.postgresql import is_installed, running_postgresql
from tests.qdrant_rest import qdrant_app, running
from tests.rag.documents.killed import read_changes, started
from tests.rag.documents.numbered import HashEncoder, numbered_text, stored_numbers

pytestmark = pytest.mark.slow
ROUNDS, MAX_ROUNDS, CHANGES = 30, 90, 60
KINDS = ("add", "replace", "remove", "bulk", "reopen")


class Index:
    """Qdrant over HTTP, which may be away for a while."""

    def __init__(self):
        self._app, self._port = qdrant_app(QdrantClient(":memory:")), unused_port()
        self._running = contextlib.ExitStack()

    def start(self):
        return self._running.enter_context(running(self._app, self._port))

    def stop(self):
        self._running.close()


@pytest.fixture
def servers(settings):
    """PostgreSQL and an index that a test may stop, and settings of a library on both."""
    if not is_installed():
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    index = Index()
    with running_postgresql(unused_port()) as postgresql:
        place = load_settings(settings, qdrant_url=index.start(), documents_url=postgresql.new_database())
        yield place, {"postgresql": postgresql, "index": index}
        index.stop()


def test_kills_of_two_writers_and_servers_that_go_lose_nothing(servers):
    """kill -9 at 60 random moments over two processes that change the same documents; meanwhile a server goes.

    After each two, what was done is there, and each document is whole or not there. The pauses before the kills become
    longer while too few changes are made between them, as on a slow machine.
    """
    place, restarted = servers
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # shown by pytest if the test fails
    rng = random.Random(seed)
    numbers: dict[str, int | None] = {"first.txt": 999_999}
    changes = failures = 0
    with Library(place, HashEncoder()) as library:
        library.add_texts([("first.txt", numbered_text(999_999))])
    with started(place, "several") as one, started(place, "several") as two:
        workers, longest = [one, two], 0.5
        for round_ in range(MAX_ROUNDS):
            if round_ >= ROUNDS and changes > CHANGES:
                break
            pids = []
            for number, worker in enumerate(workers):
                kind = KINDS[(round_ + number * (round_ % 2)) % len(KINDS)]  # every other time both do the same
                worker.stdin.write(f"{kind} {round_ * 10_000 + number * 5_000}\n")
                pids.append(json.loads(worker.stdout.readline())["pid"])
            if rng.random() < 0.7:  # else the kill may come while it opens
                for worker in workers:
                    assert json.loads(worker.stdout.readline()) == {"opened": True}
            going = {3: "postgresql", 8: "index"}.get(round_ % 10)
            if going:
                time.sleep(rng.uniform(0.01, longest))
                restarted[going].stop()
                time.sleep(rng.uniform(0.01, longest))
                restarted[going].start()
            for pid in rng.sample(pids, 2):
                time.sleep(rng.uniform(0.01, longest))
                os.kill(pid, signal.SIGKILL)
            made = [read_changes(worker) for worker in workers]
            with Library(place, HashEncoder()) as library:
                stored = stored_numbers(library)
            for name in stored.keys() | numbers.keys() | {name for each in made for part in each for name in part}:
                last = {done[name] for done, _ in made if name in done} or {numbers.get(name)}
                assert stored.get(name) in last.union(*(begun.get(name, ()) for _, begun in made)), (round_, name)
            changes += sum(len(done) for done, _ in made)
            too_few = changes * ROUNDS < CHANGES * (round_ + 1)
            longest = max(0.5, longest * (1.2 if too_few else 1 / 1.2))
            failures += sum(len(begun) for _, begun in made)
            numbers = dict(stored)
    assert changes > CHANGES
    assert failures > 10
    assert_nothing_is_left(place)


def assert_nothing_is_left(place):
    """What the killed ones left goes, once what they sent has arrived."""
    Library(place, HashEncoder()).close()
    with contextlib.closing(open_shared_documents(place.library, place.documents_address)) as documents:
        with psycopg.connect(place.documents_address) as connection:
            outbox = f"isthmus_{documents.library_id}.outbox"
            connection.execute(f"UPDATE {outbox} SET due = now() WHERE due IS NOT NULL")
        with Library(place, HashEncoder()) as library:
            assert documents.noted_passages() == set()
            known = set(documents.passage_ids())
            assert library.collection.vectors.ids() == library.collection.tokens.ids() == known

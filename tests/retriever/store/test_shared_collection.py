"""Several processes on one library: who writes what, what a killed one leaves, and when the others see a change."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from qdrant_client import QdrantClient

from retriever.errors import LibraryBusyError, StoreServerError
from retriever.store import outbox, shared_collection, watch
from retriever.store.opening import open_shared_documents
from retriever.store.postgresql import PostgresqlDatabase
from retriever.store.qdrant_server import connect
from retriever.store.shared_collection import SharedCollection
from tests.conftest import unused_port
from tests.qdrant_rest import qdrant_app, running

pytestmark = pytest.mark.slow
POLLS = 200
"""How often a change is looked for."""


@pytest.fixture
def url(postgresql):
    """The address of a new database."""
    return postgresql.new_database()


@pytest.fixture
def server():
    """Qdrant over HTTP: local mode knows no threads."""
    with running(qdrant_app(QdrantClient(":memory:")), unused_port()) as address:
        connected = connect(address)
        yield connected
        connected.close()


@pytest.fixture
def open_collection(tmp_path, fake_encoder, server, url):
    """Opens the library once more, as another process does."""
    with contextlib.ExitStack() as opened:

        def open_one(encoder=fake_encoder, **options):
            collection = SharedCollection(tmp_path, encoder, open_shared_documents(tmp_path, url), server, **options)
            opened.callback(collection.close)
            return collection

        yield open_one


@pytest.fixture
def one(open_collection):
    return open_collection()


@pytest.fixture
def other(open_collection):
    return open_collection()


@pytest.fixture
def soon(monkeypatch):
    """What arrives late is not waited for."""
    monkeypatch.setattr(outbox, "LATE", timedelta(0))


def write(collection, document, passages, replaced=()):
    with collection.writing(document):
        collection.write(document, passages, replaced)


def die_while_writing(collection, document, passages):
    """As a process that is killed once its vectors are written: its locks go, its vectors stay."""
    collection.documents.note_unfinished(passages)
    collection.vectors.add([(p.id, p.document_id, p.language) for p in passages], vectors_of(collection, passages))
    collection.tokens.add(dict.fromkeys((p.id for p in passages), vectors_of(collection, passages)))


def vectors_of(collection, passages):
    return collection._encoder.encode_passages([passage.embedded_text for passage in passages])


def stored_ids(collection):
    assert collection.vectors.ids() == collection.tokens.ids()
    return collection.vectors.ids()


def becomes_true(is_so):
    for _ in range(POLLS):
        if is_so():
            return True
        time.sleep(0.05)
    return False


# Who writes what


def test_what_one_process_writes_another_reads(one, other, make_document):
    write(one, *make_document("tea", "Tea grows on hills.", "It is green."))
    document, passages = make_document("tea2", "Tea is drunk.")
    write(other, document, passages, ["tea"])
    assert one.passages(["tea-0", "tea2-0"]).keys() == {"tea2-0"}
    assert [id_ for id_, _ in one.matching("tea", 5)] == ["tea2-0"]
    assert [id_ for id_, _ in one.nearest(vectors_of(one, passages)[0], 5)] == ["tea2-0"]
    assert one.languages() == {"en": 1}
    one.remove(["tea2"])
    assert other.passages(["tea2-0"]) == {}
    assert stored_ids(one) == set()
    assert one.faults() == other.faults() == []
    assert one.documents.noted_passages() == set()


@pytest.mark.parametrize("same", ["id", "source", "sha256"])
def test_a_document_is_written_by_one_process_at_a_time_and_others_meanwhile(one, other, make_document, same):
    first, passages = make_document("a", "Alpha.")
    second = replace(make_document("b", "Beta.")[0], **{same: getattr(first, same)})
    ended = []

    def write_second():
        with other.writing(second):
            ended.append("second")

    with ThreadPoolExecutor(1) as threads:
        with one.writing(first):
            waiting = threads.submit(write_second)
            write(other, *make_document("c", "Gamma."))  # goes on
            one.write(first, passages)
            ended.append("first")
        waiting.result()
    assert ended == ["first", "second"]


def test_who_waits_for_long_is_told_so(one, other, make_document):
    document, _ = make_document("a", "Alpha.")
    with (
        one.documents.alone(),
        pytest.raises(LibraryBusyError, match="Another process changes the library"),
        other.documents._shared.locked(["a"], seconds=1),
    ):
        pass
    with other.writing(document):
        pass


def test_many_threads_of_many_processes_lose_and_double_nothing(open_collection, make_document):
    collections = [open_collection() for _ in range(3)]

    def write_some(number):
        collection = collections[number % 3]
        for turn in range(6):
            name = f"shared {(number + turn) % 4}"
            document, passages = make_document(name, *(f"{name} tells of {number} {turn} {i}." for i in range(3)))
            with collection.writing(document):
                collection.write(document, passages, [name])
            if turn % 3 == 2:
                collection.remove([name])

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write_some, range(6)))
    collection = open_collection()
    assert collection.faults() == []
    stored = collection.documents.all_passages()
    assert stored_ids(collection) == {passage.id for passage in stored} == collection.documents.indexed_ids()
    for document in collection.documents.documents():
        texts = {p.text.rsplit(" ", 1)[0] for p in stored if p.document_id == document.id}
        assert (document.passages, len(texts)) == (3, 1)  # of one writer, whole


# What a killed process leaves


def test_what_a_killed_process_left_is_deleted_and_never_found(open_collection, make_document, soon):
    one = open_collection()
    write(one, *make_document("a", "Alpha."))
    document, passages = make_document("b", "Beta.", "Beta again.")
    die_while_writing(one, document, passages)
    assert one.faults() == []
    assert [id_ for id_, _ in one.nearest(vectors_of(one, passages)[0], 5)] == ["a-0"]
    other = open_collection()
    assert stored_ids(other) == {"a-0"}
    die_while_writing(one, document, passages)  # some of what it had sent arrives after its end
    open_collection()
    assert stored_ids(other) == {"a-0"}
    other.remove([])
    assert other.documents.noted_passages() == set()


def test_what_arrives_late_is_deleted_too(open_collection, make_document):
    one = open_collection()
    die_while_writing(one, *make_document("b", "Beta."))
    open_collection()
    assert stored_ids(one) == set()
    assert one.documents.noted_passages() == {"b-0"}  # until then


def test_what_a_living_process_is_at_work_on_stays(one, make_document, open_collection, soon):
    document, passages = make_document("b", "Beta.")
    with one.writing(document):
        die_while_writing(one, document, passages)
        other = open_collection()  # which looks for what others left
        other._erase_surplus()
        assert stored_ids(other) == {"b-0"}
        assert other.nearest(vectors_of(one, passages)[0], 5) == []
        one.documents.replace([], document, passages)
    assert [id_ for id_, _ in other.nearest(vectors_of(one, passages)[0], 5)] == ["b-0"]
    assert (other.faults(), other.documents.noted_passages()) == ([], set())


def test_a_document_that_was_left_half_is_added_by_another(one, other, make_document):
    document, passages = make_document("b", "Beta.", "Beta again.")
    die_while_writing(one, document, [*passages, *make_document("b", *"abc")[1][2:]])
    write(other, document, passages)
    assert other.faults() == []
    assert stored_ids(other) == {"b-0", "b-1"}


def test_a_process_looks_for_what_others_left(one, make_document, monkeypatch):
    monkeypatch.setattr(shared_collection, "SURPLUS_SECONDS", 0)
    die_while_writing(one, *make_document("b", "Beta."))
    write(one, *make_document("a", "Alpha."))
    assert becomes_true(lambda: stored_ids(one) == {"a-0"})


class Interrupted:
    """An encoder that does something else before it embeds."""

    name = "fake"

    def __init__(self, encoder):
        self._encoder = encoder
        self.meanwhile = lambda: None

    def encode_passages(self, texts):
        return self._encoder.encode_passages(texts)

    def encode_passage_tokens(self, texts):
        rows = self._encoder.encode_passage_tokens(texts)
        self.meanwhile()
        return rows


def test_who_lost_its_lock_cleans_up_though_another_did_before(open_collection, fake_encoder, make_document, soon):
    encoder = Interrupted(fake_encoder)
    one, other = open_collection(encoder), open_collection()
    document, passages = make_document("b", "Beta.")

    def lose_lock():
        held = one.documents._shared._held.connection
        held.invalidate()
        assert becomes_true(lambda: other._erase_surplus() or other.documents.noted_passages() == set())

    encoder.meanwhile = lose_lock
    with pytest.raises(StoreServerError, match="does not answer any more"):
        write(one, document, passages)
    assert stored_ids(one) == set()
    assert one.faults() == []


# What a server loses


def test_vectors_that_the_server_lost_are_made_anew(open_collection, server, make_document):
    one = open_collection()
    write(one, *make_document("a", "Alpha."))
    write(one, *make_document("b", "Beta.", "Beta again."))
    one.vectors.delete(["a-0", "b-1"])
    one.tokens.delete(["b-0"])
    assert len(one.faults()) == 2
    assert open_collection().faults() == []
    server.client.delete_collection(one.documents.collection)
    assert open_collection().faults() == []


def test_vectors_that_nobody_knows_of_are_deleted(open_collection, make_document):
    one = open_collection()
    write(one, *make_document("a", "Alpha."))
    _, passages = make_document("b", "Beta.")
    one.vectors.add([("b-0", "b", "en")], vectors_of(one, passages))
    with one.writing(make_document("c", "Gamma.")[0]):
        assert open_collection().faults() == ["1 passages in vectors belong to no document"]  # somebody writes
    assert open_collection().faults() == []


# When the others see a change


def has_sampled(collection, size):
    return lambda: len(collection.baseline.vectors) == size


def test_a_change_is_told_to_the_others(open_collection, make_document, monkeypatch):
    monkeypatch.setattr(watch, "POLL_SECONDS", 3600)
    one, other = open_collection(), open_collection()
    for number in (1, 2):
        write(one, *make_document(f"d{number}", f"Alpha {number}."))
        assert becomes_true(has_sampled(other, number))
    one.remove(["d1"])
    assert becomes_true(has_sampled(other, 1))


def test_a_change_that_nobody_tells_of_is_seen(open_collection, make_document, monkeypatch):
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(PostgresqlDatabase, "notify", lambda *_: None)
    one, other = open_collection(), open_collection()
    write(one, *make_document("a", "Alpha."))
    assert becomes_true(has_sampled(other, 1))


def test_changes_are_seen_again_after_the_connection_was_lost(one, other, make_document, url, caplog):
    end_connections(url)
    assert becomes_true(lambda: "are not seen for the moment" in caplog.text)
    write(one, *make_document("a", "Alpha."))
    assert becomes_true(has_sampled(other, 1))
    assert "Traceback" not in caplog.text


def end_connections(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_nothing_is_left_open(open_collection, make_document, url):
    one = open_collection()
    write(one, *make_document("a", "Alpha."))
    assert becomes_true(lambda: count_sessions(url) == 3)  # one that listens, one for the next call, and this one
    one.close()
    one.close()
    assert "watch" not in {thread.name for thread in threading.enumerate()}
    assert becomes_true(lambda: count_sessions(url) == 1)  # the server ends a session a moment after its client


def count_sessions(url):
    with psycopg.connect(url) as connection:
        sessions = "FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        [(count,)] = connection.execute(f"SELECT count(*) {sessions}").fetchall()
    return count

import collections
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import Connection

from retriever.errors import IsthmusError
from retriever.store.derived import count_passages
from retriever.store.documents import DOCUMENTS_FILE, DocumentDatabase, sqlite_documents
from retriever.store.opening import list_documents, open_documents
from retriever.store.ports import DocumentStore
from retriever.types import Month, Period


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)])
def open_store(request, tmp_path) -> Callable[[], DocumentDatabase]:
    """Opens the documents of one library, again and again."""
    if request.param == "SQLite":
        return lambda: open_documents(tmp_path)
    url = request.getfixturevalue("postgresql").new_database()
    return lambda: open_documents(tmp_path, url)


@pytest.fixture
def store(open_store) -> Iterator[DocumentStore]:
    opened = open_store()
    yield opened
    opened.close()


@contextmanager
def changing(store: DocumentStore) -> Iterator[Connection]:
    """A transaction in which a test changes what is stored behind the store's back."""
    assert isinstance(store, DocumentDatabase)
    with store._database.writing() as connection:
        yield connection


def test_documents_come_back_with_their_number_of_passages(store, make_document):
    later, later_passages = make_document("later", "Alpha.")
    earlier, earlier_passages = make_document("earlier", "Beta.", "Gamma.")
    store.replace([], replace(later, added="2024-06-01"), later_passages)
    store.replace([], earlier, earlier_passages)
    assert store.documents() == [replace(earlier, passages=2), replace(later, added="2024-06-01", passages=1)]


def test_passages_come_back_as_they_were(store, make_document):
    document, passages = make_document("a", "Alpha.", "Beta.")
    periods = (Period(Month(1988, 3), Month(1991, 6)), Period(Month(2001, 1), Month(2001, 12)))
    passages[0] = replace(passages[0], page=3, start=7, end=13, times=periods)
    store.replace([], document, passages)
    assert store.all_passages() == passages
    assert store.passages(["a-1", "nothing"]) == {"a-1": passages[1]}
    assert store.passages([]) == {}
    assert store.passage_ids() == store.passage_ids("a") == ["a-0", "a-1"]
    assert store.passage_ids("b") == []


def test_more_ids_than_a_statement_takes(store, make_document):
    document, passages = make_document("a", "Alpha.")
    store.replace([], document, passages)
    assert store.passages([*(f"no-{number}" for number in range(70_000)), "a-0"]) == {"a-0": passages[0]}


def test_opening_does_not_wait_for_a_writer(open_store, store, make_document):
    store.replace([], *make_document("a", "Alpha."))
    with changing(store):
        other = open_store()
        assert other.passage_ids() == ["a-0"]
        other.close()


def test_closing_waits_for_readers(open_store):
    store = open_store()
    is_reading, may_end, is_closed = threading.Event(), threading.Event(), threading.Event()

    def read() -> bool:
        with store._database.reading():
            is_reading.set()
            may_end.wait()
            return is_closed.is_set()

    def close() -> None:
        store.close()
        is_closed.set()

    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(read)
        is_reading.wait()
        closing = pool.submit(close)
        with pytest.raises(IsthmusError, match="closed"):
            collections.deque(iter(store.documents, None))  # until it raises
        may_end.set()
        assert not reading.result()
        closing.result()
    assert is_closed.is_set()


def test_a_replacement_takes_the_place_of_the_old_document(store, make_document):
    store.replace([], *make_document("old", "Alpha."))
    new, passages = make_document("new", "Beta.")
    store.replace(["old"], replace(new, source="old.txt"), passages)
    assert [document.id for document in store.documents()] == ["new"]
    assert store.passage_ids() == ["new-0"]


def test_a_write_that_fails_changes_nothing(store, make_document):
    store.replace([], *make_document("a", "Alpha."))
    before = (store.documents(), store.all_passages(), store.revision)
    document, passages = make_document("b", "Beta.")
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        store.replace(["a"], document, passages * 2)  # the same passage id twice
    assert (store.documents(), store.all_passages(), store.revision) == before


def test_removal_takes_passages_and_times_along(store, make_document):
    store.replace([], *make_document("a", "Alpha."))
    store.replace([], *make_document("b", "Beta."))
    store.remove(["a", "nothing"])
    assert store.passage_ids() == ["b-0"]
    with changing(store) as connection:
        assert connection.exec_driver_sql("SELECT passage_id FROM times").all() == [("b-0",)]


def test_languages_are_counted_anew_after_each_change(store, make_document):
    assert store.languages() == {}
    store.replace([], *make_document("a", "Alpha.", "Beta."))
    store.replace([], *make_document("b", "Unu.", language="ro"))
    assert store.languages() == {"en": 2, "ro": 1}
    store.remove(["a"])
    assert store.languages() == {"ro": 1}


def test_documents_are_found_by_source_and_content(store, make_document):
    document, passages = make_document("a", "Alpha.", "Beta.")
    store.replace([], document, passages)
    assert store.from_source("a.txt") == replace(document, passages=2)
    assert store.from_source("a") is None
    assert store.has_content(document.sha256)
    store.remove(["a"])
    assert store.from_source("a.txt") is None
    assert not store.has_content(document.sha256)


def test_words_follow_the_documents_over_blocks(store, make_document, monkeypatch):
    monkeypatch.setattr("retriever.store.words.BLOCK", 4)
    for n in range(6):
        store.replace([], *make_document(f"d{n}", f"Alpha {n}.", f"Beta {n}."))
    store.remove(["d5"])
    store.replace(["d1", "d4"], *make_document("new", "Gamma 1.", "Alpha 9."))
    assert store.indexed_ids() == set(store.passage_ids())
    assert {id_ for id_, _ in store.matching("alpha", 10)} == {"d0-0", "d2-0", "d3-0", "new-1"}
    assert {id_ for id_, _ in store.matching("1", 10)} == {"new-0"}
    assert store.all_passages()[-1].id == "new-1"
    assert store.languages() == {"en": 8}


def test_words_of_a_write_that_fails_are_not_found(store, make_document):
    store.replace([], *make_document("a", "Alpha."))
    document, passages = make_document("b", "Beta.")
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        store.replace(["a"], document, passages * 2)
    assert store.matching("alpha beta", 10) == store.matching("alpha", 10) != []
    assert store.languages() == {"en": 1}


def test_the_revision_grows_with_each_change(store, make_document):
    revisions = [store.revision]
    store.replace([], *make_document("a", "Alpha."))
    revisions.append(store.revision)
    store.remove(["a"])
    revisions.append(store.revision)
    assert revisions == sorted(set(revisions))


def test_state_stays(store, open_store):
    assert (store.clean_shutdown, store.generation) == (True, 0)
    store.clean_shutdown = False
    library_id, next_collection = store.library_id, store.next_collection
    assert store.collection == f"isthmus-{library_id}-0"
    store.switch_collection()
    again = open_store()
    assert (again.clean_shutdown, again.generation) == (False, 1)
    assert (again.library_id, again.collection) == (library_id, next_collection)
    again.close()


def test_a_library_of_an_earlier_version_keeps_the_name_of_its_collection_until_the_next_copy(tmp_path):
    sqlite_documents(tmp_path).close()
    with sqlite3.connect(tmp_path / DOCUMENTS_FILE) as database:
        database.execute("DROP TABLE library")
        database.execute("UPDATE state SET generation = 4")
    store = sqlite_documents(tmp_path)
    assert store.collection == "passages-4"
    store.switch_collection()
    assert store.collection == f"isthmus-{store.library_id}-5"
    store.close()


def test_passages_of_a_library_from_before_times_get_theirs(store, make_document):
    document, passages = make_document("a", "In 1998.")
    store.replace([], document, passages)
    with changing(store) as connection:
        connection.exec_driver_sql("DELETE FROM times")
    assert store.passages_without_times() == passages
    year = Period(Month(1998, 1), Month(1998, 12))
    store.set_times([replace(passages[0], times=(year,))])
    assert store.passages_without_times() == []
    assert store.all_passages()[0].times == (year,)


def test_documents_are_listed_without_opening_the_library(make_document, tmp_path):
    store = open_documents(tmp_path)
    store.replace([], *make_document("a", "Alpha."))
    assert [document.title for document in list_documents(tmp_path)] == ["a"]
    assert list_documents(tmp_path / "nowhere") == []
    assert not (tmp_path / "nowhere").exists()
    store.close()


def test_an_index_of_words_that_was_broken_off_is_made_anew(open_store, make_document, monkeypatch):
    store = open_store()
    for n in range(5):
        store.replace([], *make_document(f"d{n}", f"Alpha {n}."))
    with changing(store) as connection:
        connection.exec_driver_sql("UPDATE words SET version = 'old'")
    monkeypatch.setattr("retriever.store.documents.PAGE", 2)
    with monkeypatch.context() as broken:
        parts = iter([None, None])  # the third part fails
        broken.setattr(
            "retriever.store.documents.count_passages", lambda passages: (next(parts), count_passages(passages))[1]
        )
        with pytest.raises(StopIteration):
            store.index_words()
    store.close()
    store = open_store()
    store.index_words()
    assert store.indexed_ids() == set(store.passage_ids())
    assert store.languages() == {"en": 5}
    store.close()


def test_a_store_that_is_closed_says_so(open_store):
    store = open_store()
    store.close()
    with pytest.raises(IsthmusError, match="is closed; open it again"):
        store.documents()


def test_another_writer_is_seen_at_once(store, open_store, make_document):
    store.replace([], *make_document("a", "Alpha first."))
    assert [id_ for id_, _ in store.matching("alpha", 5)] == ["a-0"]
    other = open_store()
    other.replace(["a"], *make_document("b", "Beta.", "Alpha again.", "Gamma."))
    other.close()
    assert [id_ for id_, _ in store.matching("alpha", 5)] == ["b-1"]  # lengths were in memory
    assert store.indexed_ids() == {"b-0", "b-1", "b-2"}


def test_threads_write_and_search_at_once(store, make_document, monkeypatch):
    monkeypatch.setattr("retriever.store.words.BLOCK", 4)
    store.replace([], *make_document("stays", "Alpha stays."))
    done = threading.Event()

    def search():
        while not done.is_set():
            hits = store.matching("alpha", 50)
            assert "stays-0" in dict(hits)
            assert len({id_.split("-")[0] for id_, _ in hits}) == len(hits)
        return True

    with ThreadPoolExecutor(5) as threads:
        searches = [threads.submit(search) for _ in range(3)]
        writes = [
            threads.submit(
                store.replace, [f"d{n - 1}"] if n % 3 else [], *make_document(f"d{n}", f"Alpha {n}.", "Beta.")
            )
            for n in range(30)
        ]
        try:
            for write in writes:
                write.result()
        finally:
            done.set()
        assert all(each.result() for each in searches)
    assert store.indexed_ids() == set(store.passage_ids())
    assert store.languages() == {"en": len(store.passage_ids())}


def test_terms_in_any_number_go_in_and_out(store, make_document, monkeypatch):
    monkeypatch.setattr("retriever.store.words.BLOCK", 2)
    monkeypatch.setattr("retriever.store.words.PART", 3)
    store.replace([], *make_document("a", "one two three four five six seven eight", "one", "nine ten"))
    store.replace([], *make_document("b", "one eleven", "twelve"))
    store.remove(["a"])
    assert [id_ for id_, _ in store.matching("one two three four", 5)] == ["b-0"]
    assert store.matching("two three", 5) == []
    assert store.indexed_ids() == {"b-0", "b-1"}

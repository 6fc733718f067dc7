"""How many collections stay open."""

import threading

import psycopg
import pytest
from qdrant_client import QdrantClient

from rag.settings import load_settings
from retriever.errors import NotFoundError
from tests.conftest import unused_port
from tests.qdrant_rest import qdrant_app, running
from tests.ui.server.conftest import QuotingEngine
from ui.state import collections as collections_module
from ui.state.access import OWNER
from ui.state.collections import Collections

NAMES = ("a", "b", "c")


@pytest.fixture
def collections(settings, fake_encoder, monkeypatch):
    """Three collections with a document each, of which one stays open."""
    monkeypatch.setattr(collections_module, "MAX_OPEN", 1)
    settings = load_settings(settings, rerank="off")
    with Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as collections:
        create_all(collections)
        yield collections


def create_all(collections):
    view = collections.of(OWNER)
    for name in NAMES:
        view.create(name)
        with view.use(name) as rag:
            rag.library.add_texts([(f"{name}.txt", f"These are the words of the collection {name}.")])


def open_names(collections):
    return {rag.library.documents()[0].title for rag in collections._open.values()}


def titles(collections, name):
    with collections.of(OWNER).use(name) as rag:
        return [hit.passage.title for hit in rag.search("words")]


def test_the_latest_used_stays_open_and_a_closed_one_opens_again(collections):
    assert open_names(collections) == {"c"}
    assert titles(collections, "a") == ["a"]
    assert open_names(collections) == {"a"}


def test_what_a_collection_holds_is_told_without_opening_it(collections):
    view = collections.of(OWNER)
    view.create("new")
    told = [(info.name, info.documents, info.languages) for info in view.infos()]
    assert told == [("library", 0, {}), *((name, 1, {"en": 1}) for name in NAMES), ("new", 0, {})]
    assert open_names(collections) == {"c"}


def test_one_in_use_is_not_closed(collections):
    with collections.of(OWNER).use("a") as rag:
        assert titles(collections, "b") == ["b"]
        assert titles(collections, "c") == ["c"]
        assert [hit.passage.title for hit in rag.search("words")] == ["a"]
    assert len(collections._open) == 1


def test_threads_that_open_and_close_do_not_meet(collections):
    wrong: list[object] = []

    def use(turn):
        try:
            for number in range(4):
                name = NAMES[(turn + number) % 3]
                if titles(collections, name) != [name]:
                    wrong.append(name)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=use, args=(turn,)) for turn in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(collections._open) == 1


@pytest.mark.slow
def test_collections_share_a_database_of_documents_and_leave_nothing_there(
    settings, fake_encoder, postgresql, monkeypatch
):
    monkeypatch.setattr(collections_module, "MAX_OPEN", 1)
    database = postgresql.new_database()
    with running(qdrant_app(QdrantClient(":memory:")), unused_port()) as url:
        remote = load_settings(settings, qdrant_url=url, documents_url=database)
        with Collections(remote, encoder=fake_encoder, engine=QuotingEngine()) as collections:
            create_all(collections)
            view = collections.of(OWNER)
            assert [(info.name, info.documents) for info in view.infos()] == [("library", 0), *((n, 1) for n in NAMES)]
            assert [titles(collections, name) for name in NAMES] == [[name] for name in NAMES]
            view.delete("b")
            assert titles(collections, "c") == ["c"]
            with psycopg.connect(database) as connection:
                schemas = connection.execute(
                    "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'isthmus%'"
                ).fetchall()
            assert len(schemas) == 3  # the library's, and those of two collections
        with Collections(remote, encoder=fake_encoder, engine=QuotingEngine()) as collections:
            assert [titles(collections, name) for name in ("a", "c")] == [["a"], ["c"]]


@pytest.mark.slow
def test_two_servers_share_a_library_and_its_collections(settings, fake_encoder, postgresql, caplog):
    database = postgresql.new_database()
    with running(qdrant_app(QdrantClient(":memory:")), unused_port()) as url:
        shared = load_settings(settings, qdrant_url=url, documents_url=database, state_url=database)
        with (
            Collections(shared, encoder=fake_encoder, engine=QuotingEngine()) as one,
            Collections(shared, encoder=fake_encoder, engine=QuotingEngine()) as other,
        ):
            create_all(one)
            assert [titles(other, name) for name in NAMES] == [["a"], ["b"], ["c"]]
            with other.of(OWNER).use("a") as rag:
                rag.library.add_texts([("d.txt", "Other words of the collection.")])
            assert sorted(titles(one, "a")) == ["a", "d"]
            one.of(OWNER).delete("a")  # which the other one has open
            assert other.of(OWNER).names() == ["library", "b", "c"]
            with pytest.raises(NotFoundError):
                titles(other, "a")
            assert titles(other, "b") == ["b"]
    assert "Traceback" not in caplog.text

"""Documents in PostgreSQL: whose they are, a server that goes, moving; for writing see test_shared_collection.py."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from qdrant_client import QdrantClient
from sqlalchemy import make_url

from rag.documents.library import Library
from rag.documents.sample import add_sample, questions
from rag.settings import load_settings
from retriever.data.squad import read_squad
from retriever.errors import IsthmusError, LibraryBusyError, StoreServerError
from retriever.store.document_migration import migrate_to_file, migrate_to_postgresql
from retriever.store.documents import DOCUMENTS_FILE, DocumentDatabase, sqlite_documents
from retriever.store.opening import ID_FILE, delete_documents, open_documents, open_shared_documents
from tests.conftest import ROOT, unused_port
from tests.postgresql import PASSWORD, is_installed, running_postgresql
from tests.qdrant_rest import qdrant_app, running

pytestmark = pytest.mark.slow


@pytest.fixture
def url(postgresql):
    """The address of a new database."""
    return postgresql.new_database()


@pytest.fixture
def remote(settings, url):
    """Settings with vectors in Qdrant and documents in PostgreSQL."""
    with running(qdrant_app(QdrantClient(":memory:")), unused_port()) as qdrant_url:
        yield load_settings(settings, qdrant_url=qdrant_url, documents_url=url)


@pytest.fixture
def own_server():
    """A PostgreSQL server that a test may stop."""
    if not is_installed():
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with running_postgresql(unused_port()) as server:
        yield server


def schemas(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'isthmus%'").fetchall()
    return {name for (name,) in rows}


# Whose documents they are


def test_libraries_in_one_database_are_apart(tmp_path, url, make_document):
    stores = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        store = open_documents(tmp_path / name, url)
        store.replace([], *make_document(name, "Alpha."))
        stores.append(store)
    assert [store.passage_ids() for store in stores] == [["one-0"], ["two-0"]]
    assert schemas(url) == {f"isthmus_{store.library_id}" for store in stores}
    for store in stores:
        store.close()
    with pytest.raises(IsthmusError, match="set documents_url, to delete them there"):
        delete_documents(tmp_path / "one", None)
    for _ in range(2):
        delete_documents(tmp_path / "one", url)
    again = open_documents(tmp_path / "two", url)
    assert again.passage_ids() == ["two-0"]
    again.close()
    with pytest.raises(IsthmusError, match="does not have this library's documents"):
        open_documents(tmp_path / "one", url)


def test_documents_are_looked_for_where_they_are(tmp_path, url, make_document):
    store = sqlite_documents(tmp_path)
    store.replace([], *make_document("a", "Alpha."))
    with pytest.raises(IsthmusError, match="run `isthmus migrate --to postgresql`"):
        open_documents(tmp_path, url)
    assert migrate_to_postgresql(tmp_path, store, url) == 1
    store.close()
    with pytest.raises(IsthmusError, match="are in PostgreSQL: set documents_url"):
        open_documents(tmp_path)
    (tmp_path / ID_FILE).write_text("no id; DROP SCHEMA public")
    with pytest.raises(IsthmusError, match="is no id of a library"):
        open_documents(tmp_path, url)


def test_no_message_holds_the_password(tmp_path, postgresql, url, free_port):
    wrong = make_url(url).set(password="wr0ng-password").render_as_string(hide_password=False)
    with pytest.raises(IsthmusError, match="password authentication failed") as refused:
        open_documents(tmp_path, wrong)
    nowhere = make_url(url).set(port=free_port).render_as_string(hide_password=False)
    with pytest.raises(IsthmusError, match="does not answer any more") as gone:
        open_documents(tmp_path, nowhere)
    for error in (refused, gone):
        assert "wr0ng-password" not in str(error.value)
        assert PASSWORD not in str(error.value)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    reader = make_url(url).set(username="reader", password="reader").render_as_string(hide_password=False)
    with pytest.raises(IsthmusError, match=r"permission denied.*check the rights of its user"):
        open_documents(tmp_path, reader)
    assert not (tmp_path / ID_FILE).exists()


def test_characters_that_postgresql_does_not_take_are_replaced(tmp_path, url, make_document):
    store = open_documents(tmp_path, url)
    store.replace([], *make_document("nul\0", "Alpha."))
    assert store.from_source("nul\0.txt").title == "nul\ufffd"
    store.close()


# Who has them, and a server that goes


def test_several_processes_have_a_library_unless_one_has_it_alone(remote, fake_encoder, monkeypatch):
    monkeypatch.setattr("retriever.store.postgresql.BUSY_SECONDS", 1)
    with Library(remote, fake_encoder) as library, Library(remote, fake_encoder) as other:
        library.add_texts([("tea.txt", "Tea comes from China.")])
        assert [document.title for document in other.documents()] == ["tea"]
        with pytest.raises(LibraryBusyError, match="Another process has this library open"):
            Library(remote, fake_encoder, alone=True)
    with (
        Library(remote, fake_encoder, alone=True),
        pytest.raises(LibraryBusyError, match="Another process has this library open"),
    ):
        Library(remote, fake_encoder)


def test_processes_that_begin_a_library_at_once_make_one(tmp_path, url):
    with ThreadPoolExecutor() as threads:
        stores = list(threads.map(lambda _: open_documents(tmp_path, url), range(8)))
    assert schemas(url) == {f"isthmus_{stores[0].library_id}"}
    for store in stores:
        store.close()


def test_a_library_of_an_earlier_version_gets_the_tables_that_it_lacks(tmp_path, url, make_document):
    store = open_documents(tmp_path, url)
    store.replace([], *make_document("a", "Alpha."))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE isthmus_{store.library_id}.outbox")
    store.close()
    again = open_shared_documents(tmp_path, url)
    assert again.noted_passages() == set()
    assert again.passage_ids() == ["a-0"]
    again.close()


def test_a_server_that_is_started_again_costs_nothing(own_server, tmp_path, make_document):
    store = open_documents(tmp_path, own_server.new_database())
    store.replace([], *make_document("a", "Alpha."))
    own_server.stop()
    gone = r"The PostgreSQL server at postgresql://.* does not answer any more"
    for call in (store.documents, lambda: store.replace([], *make_document("b", "Beta."))):
        with pytest.raises(StoreServerError, match=gone):
            call()
    own_server.start()
    assert store.passage_ids() == ["a-0"]
    store.replace([], *make_document("b", "Beta."))
    assert store.passage_ids() == ["a-0", "b-0"]
    store.close()


def test_a_writer_that_lost_its_lock_writes_nothing(own_server, tmp_path, make_document):
    url = own_server.new_database()
    store, other = open_shared_documents(tmp_path, url), open_shared_documents(tmp_path, url)
    document, passages = make_document("a", "Alpha.")
    with store.writing(document):
        own_server.stop()
        own_server.start()
        with other.writing(document):  # which another process has now
            for _ in range(2):  # nor does it connect anew, without the lock
                with pytest.raises(StoreServerError, match="does not answer any more"):
                    store.replace([], document, passages)
    assert other.passage_ids() == []
    with store.writing(document):
        store.replace([], document, passages)
    assert other.passage_ids() == ["a-0"]
    for each in (store, other):
        each.close()


def test_a_writer_whose_library_another_has_alone_meanwhile_writes_nothing(url, tmp_path, make_document):
    store, other = open_shared_documents(tmp_path, url), open_shared_documents(tmp_path, url)
    with other.joined(alone=True):
        with pytest.raises(LibraryBusyError, match="for itself by now; nothing was written"):
            store.replace([], *make_document("a", "Alpha."))
        other.replace([], *make_document("b", "Beta."))
    store.replace([], *make_document("c", "Gamma."))
    assert sorted(store.passage_ids()) == ["b-0", "c-0"]
    for each in (store, other):
        each.close()


def test_who_lost_the_library_that_it_had_alone_writes_nothing_and_does_not_migrate(url, tmp_path, make_document):
    store = open_shared_documents(tmp_path, url)
    store.replace([], *make_document("a", "Alpha."))
    with store.joined(alone=True):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(LibraryBusyError, match="nothing was written"):
            migrate_to_file(tmp_path, store)
        assert (tmp_path / ID_FILE).exists()
    store.close()


def test_a_library_says_in_one_sentence_that_the_server_has_gone(own_server, remote, fake_encoder):
    settings = load_settings(remote, documents_url=own_server.new_database())
    with Library(settings, fake_encoder) as library:
        library.add_texts([("tea.txt", "Tea comes from China.")])
        own_server.stop()
        gone = r"The PostgreSQL server at postgresql://127\.0\.0\.1:\d+/\w+ does not answer any more"
        with pytest.raises(IsthmusError, match=gone):
            library.add_texts([("milk.txt", "Milk comes from cows.")])
        with pytest.raises(IsthmusError, match=gone):
            library.search("Where does tea come from?")
        own_server.start()
        assert library.add_texts([("milk.txt", "Milk comes from cows.")])[0].status == "added"
    with Library(settings, fake_encoder) as library:
        assert library.check() == []
        assert {document.title for document in library.documents()} == {"tea", "milk"}


# Moving


def test_documents_move_and_come_back(tmp_path, url, make_document, monkeypatch):
    monkeypatch.setattr("retriever.store.words.BLOCK", 4)
    store = sqlite_documents(tmp_path)
    for name in ("tea", "coffee", "cocoa", "milk"):
        store.replace([], *make_document(name, f"{name} is a drink.", f"{name} grows.", language="en"))
    store.switch_collection()
    known = store.library_id, store.collection, store.generation, store.documents(), store.languages()
    passages, hits = store.all_passages(), sorted(store.matching("coffee drink", 9))
    assert migrate_to_postgresql(tmp_path, store, url) == 8
    store.close()

    def assert_same(moved):
        assert (moved.library_id, moved.collection, moved.generation, moved.documents(), moved.languages()) == known
        assert sorted(moved.all_passages(), key=lambda p: p.id) == sorted(passages, key=lambda p: p.id)
        assert sorted(moved.matching("coffee drink", 9)) == [(id_, pytest.approx(score)) for id_, score in hits]

    there = open_shared_documents(tmp_path, url)
    assert_same(there)
    there.remove(["tea"])
    there.replace([], *make_document("tea", "tea is a drink.", "tea grows."))
    assert migrate_to_file(tmp_path, there) == 8
    there.close()
    back = open_documents(tmp_path)
    assert_same(back)
    back.close()


def test_a_migration_that_is_broken_off_is_taken_up(tmp_path, url, make_document, monkeypatch):
    store = sqlite_documents(tmp_path)
    for n in range(6):
        store.replace([], *make_document(f"d{n}", f"Alpha {n}."))
    replace = DocumentDatabase.replace
    written: list[str] = []

    def replace_some(self, replaced, document, passages):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(document.id)
        replace(self, replaced, document, passages)

    with monkeypatch.context() as broken:
        broken.setattr(DocumentDatabase, "replace", replace_some)
        with pytest.raises(KeyboardInterrupt):
            migrate_to_postgresql(tmp_path, store, url)
    assert not (tmp_path / ID_FILE).exists()
    store.remove([written[0]])
    again = []
    monkeypatch.setattr(
        DocumentDatabase, "replace", lambda self, *given: again.append(given[1].id) or replace(self, *given)
    )
    assert migrate_to_postgresql(tmp_path, store, url) == 5
    assert not set(again) & set(written)
    there = open_documents(tmp_path, url)
    assert there.documents() == store.documents()
    assert there.indexed_ids() == set(store.passage_ids())
    for each in (there, store):
        each.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from retriever.store.document_migration import migrate_to_postgresql
from retriever.store.documents import DocumentDatabase, sqlite_documents

replace, calls = DocumentDatabase.replace, []

def killed(self, *given):
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(given)
    replace(self, *given)

DocumentDatabase.replace = killed
folder = Path(sys.argv[1])
migrate_to_postgresql(folder, sqlite_documents(folder), sys.argv[2])
"""


def test_a_killed_migration_is_taken_up(tmp_path, url, make_document):
    store = sqlite_documents(tmp_path)
    for n in range(6):
        store.replace([], *make_document(f"d{n}", f"Alpha {n}."))
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), url], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert not (tmp_path / ID_FILE).exists()
    assert migrate_to_postgresql(tmp_path, store, url) == 6
    store.close()


def test_a_copy_that_is_not_the_same_is_refused(tmp_path, url, make_document, monkeypatch):
    store = sqlite_documents(tmp_path)
    store.replace([], *make_document("a", "Alpha is first.", "Beta is second."))
    replace = DocumentDatabase.replace
    monkeypatch.setattr(
        DocumentDatabase, "replace", lambda self, ids, document, passages: replace(self, ids, document, passages[1:])
    )
    with pytest.raises(IsthmusError, match="The copy of the documents is not as they are"):
        migrate_to_postgresql(tmp_path, store, url)
    assert not (tmp_path / ID_FILE).exists()
    assert (tmp_path / DOCUMENTS_FILE).exists()
    store.close()


def assert_same_hits(remote, encoder, fill, asked):
    """The same passages with the same scores from the folder and, moved, from PostgreSQL; equals may change places."""
    embedded = remote.model_copy(update={"documents_url": None})
    with Library(embedded, encoder) as library:
        fill(library)
        expected = [library.search(question, 6) for question in asked]
        migrate_to_postgresql(library.folder, library.collection.documents, remote.documents_address)
    with Library(remote, encoder) as library:
        assert library.check() == []
        for question, hits in zip(asked, expected, strict=True):
            scores = {hit.passage.id: hit.score for hit in library.search(question, 6)}
            assert scores == pytest.approx({hit.passage.id: hit.score for hit in hits}, abs=1e-4), question


def test_the_sample_gives_the_same_hits(remote, encoder):
    assert_same_hits(remote, encoder, add_sample, [question.question for question in questions()][::4])


def test_passages_of_xquad_give_the_same_hits(remote, encoder, data):
    squad = read_squad(data / "xquad", ["en", "ro"])

    def fill(library):
        library.add_texts([(f"{id_}.txt", text) for id_, text in list(squad.passages["en"].items())[::4]])

    assert_same_hits(remote, encoder, fill, [row.text for rows in squad.questions.values() for row in rows[::100]])

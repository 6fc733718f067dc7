"""Damaged files, full disks, two libraries on one server, closing at a bad moment: nothing lost, doubled or mixed."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.errors import InternalError

from rag.documents.library import Library
from retriever.errors import IsthmusError
from retriever.store import files as files_module
from retriever.store.documents import DOCUMENTS_FILE, sqlite_documents
from retriever.store.files import Seal, write_file
from retriever.store.lock import acquire, read_holder
from retriever.store.transaction import Transaction
from retriever.store.vectors import VectorIndex
from tests.conftest import running_chroma, unused_port

TEXTS = {"coffee": "Coffee comes from Ethiopia.", "tea": "Tea comes from China.", "tower": "The tower stands in Paris."}
ROOT = Path(__file__).parents[2]

DAMAGE = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "truncated": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "overwritten": lambda file: file.write_bytes(b"\xa5" * file.stat().st_size),
    "overwritten in the middle": lambda file: file.write_bytes(_overwritten(file.read_bytes())),
}


def _overwritten(data: bytes) -> bytes:
    third = len(data) // 3
    return data[:third] + b"\xa5" * third + data[2 * third :]


def add_texts(library):
    library.add_texts([(f"{name}.txt", text) for name, text in TEXTS.items()])


def assert_whole(library):
    assert library.check() == []
    assert {document.title for document in library.documents()} == TEXTS.keys()
    for name, text in TEXTS.items():
        assert library.search(text)[0].passage.title == name
        assert library.collection.matching(text, 1)[0][0].startswith(
            next(document.id for document in library.documents() if document.title == name)
        )


@pytest.fixture
def closed_library(settings, fake_encoder):
    """The folder of a library that was closed cleanly."""
    with Library(settings, fake_encoder) as library:
        add_texts(library)
    return settings.library


# Damaged files


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("sealed", [True, False])
def test_damaged_token_vectors_are_made_anew(closed_library, settings, fake_encoder, damage, sealed):
    if not sealed:
        (closed_library / "tokens.seal").unlink()
    DAMAGE[damage](closed_library / "tokens.sqlite")
    with Library(settings, fake_encoder) as library:
        assert_whole(library)
        for passage in library.collection.documents.all_passages():
            assert library.collection.tokens.read([passage.id])


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_vectors_are_made_anew(closed_library, settings, fake_encoder, damage):
    vectors = closed_library / "vectors"
    for name in {path.name for path in vectors.rglob("*") if path.is_file()}:
        DAMAGE[damage](next(vectors.rglob(name)))
        with Library(settings, fake_encoder) as library:
            assert_whole(library)


@pytest.mark.parametrize("damage", ["truncated", "overwritten"])
def test_a_damaged_chroma_file_without_a_seal_is_made_anew(closed_library, settings, fake_encoder, damage):
    (closed_library / "vectors.seal").unlink()
    DAMAGE[damage](closed_library / "vectors" / "chroma.sqlite3")
    with Library(settings, fake_encoder) as library:
        assert_whole(library)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"chroma.sqlite3": 5}', "null", "[" * 100_000, "\0" * 100])
def test_a_damaged_seal_is_as_none(closed_library, settings, fake_encoder, content):
    for name in ("vectors.seal", "tokens.seal"):
        (closed_library / name).write_text(content)
    with Library(settings, fake_encoder) as library:
        assert library.collection.documents.generation == 0  # nothing was copied
        assert_whole(library)


@pytest.mark.parametrize("content", [b"[]", b'"x"', b"5", b"null", b"{}", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_note_of_the_holder_is_no_error(closed_library, settings, fake_encoder, content):
    (closed_library / "holder.json").write_bytes(content)
    with Library(settings, fake_encoder) as library:
        (closed_library / "holder.json").write_bytes(content)
        assert read_holder(closed_library) == {"what": "another process", "pid": "?"}
        with pytest.raises(IsthmusError, match="in use by another process"):
            Library(settings, fake_encoder)
        assert_whole(library)


@pytest.mark.parametrize("damage", ["truncated", "overwritten"])
def test_a_damaged_list_of_documents_is_one_sentence_and_the_lock_is_free(
    closed_library, settings, fake_encoder, damage
):
    copy = (closed_library / DOCUMENTS_FILE).read_bytes()
    DAMAGE[damage](closed_library / DOCUMENTS_FILE)
    with pytest.raises(IsthmusError, match=r"The list of documents in .* is damaged"):
        Library(settings, fake_encoder)
    (closed_library / DOCUMENTS_FILE).write_bytes(copy)
    with Library(settings, fake_encoder) as library:
        assert_whole(library)


# Writing


def test_a_written_file_is_synced_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    synced = []

    def sync(path):
        synced.append((path.name, (tmp_path / "note").exists()))

    monkeypatch.setattr(files_module, "sync", sync)
    write_file(tmp_path / "note", "text")
    assert synced == [("note.draft", False), (tmp_path.name, True)]


def test_a_seal_tells_files_that_changed_from_copies(tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "a").write_text("alpha")
    Seal(tmp_path / "seal", folder).write()
    shutil.copytree(folder, tmp_path / "copy")  # other times, the same content
    assert Seal(tmp_path / "seal", tmp_path / "copy").state() == "whole"
    (folder / "b").write_text("new files do not matter")
    assert Seal(tmp_path / "seal", folder).state() == "whole"
    (folder / "a").write_text("omega")
    assert Seal(tmp_path / "seal", folder).state() == "broken"
    Seal(tmp_path / "seal", folder).remove()
    assert Seal(tmp_path / "seal", folder).state() == "unknown"


def test_the_error_that_ends_a_transaction_is_the_one_that_is_told(tmp_path):
    database = sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)

    def fail():
        with Transaction(database):
            database.execute("ROLLBACK")  # as SQLite itself does when the disk is full
            raise ValueError("the first error")

    with pytest.raises(ValueError, match="the first error"):
        fail()
    database.execute("PRAGMA foreign_keys = ON")
    database.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    database.execute("CREATE TABLE b (a INTEGER REFERENCES a(id) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), Transaction(database):
        database.execute("INSERT INTO b VALUES (1)")  # found at COMMIT
    assert not database.in_transaction
    with Transaction(database):
        database.execute("INSERT INTO a VALUES (1)")
    database.close()


# A full disk


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets no test mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """A file that takes all space but `leave` bytes."""
    path = folder / "filler"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, bytes(4096))
    except OSError:
        os.ftruncate(descriptor, max(0, os.fstat(descriptor).st_size - leave))
    finally:
        os.close(descriptor)
    return path


def assert_done_or_full(action):
    """It works, or says in one sentence that the disk is full."""
    message = ""
    try:
        action()
    except IsthmusError as error:
        message = str(error)
    assert not message or ("The disk is full" in message and "\n" not in message)


@pytest.mark.slow
@pytest.mark.parametrize("leave", [0, 4_000, 40_000, 100_000, 200_000, 400_000])
def test_a_full_disk_at_any_write_is_one_sentence_and_the_library_stays_readable(
    small_disk, settings, fake_encoder, leave
):
    settings = settings.model_copy(update={"library": small_disk / "library"})
    changes = [
        lambda library: library.add_texts([("long.txt", "The Rhine is long. " * 3000)]),
        lambda library: library.remove(["coffee.txt"]),
    ]
    with Library(settings, fake_encoder) as library:
        add_texts(library)
        for change in changes:
            filler = fill(small_disk, leave)
            assert_done_or_full(lambda change=change: change(library))
            known = {document.title for document in library.documents()}
            hits = library.search("Tea comes from China.", 10)
            assert hits[0].passage.title == "tea"
            assert {hit.passage.title for hit in hits} <= known
            filler.unlink()
        add_texts(library)
        library.remove(["long.txt"] if "long" in known else [])
        filler = fill(small_disk, leave)
    assert_done_or_full(lambda: Library(settings, fake_encoder).close())
    filler.unlink()
    with Library(settings, fake_encoder) as library:
        assert_whole(library)


def test_a_refresh_that_fails_is_one_sentence_and_does_not_hide_the_first_error(fake_library, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fake_library.collection.vectors, "sample_baseline", fail)
    with pytest.raises(IsthmusError, match="The disk is full: the documents are as they should be"):
        fake_library.add_texts([("a.txt", "Alpha is first.")])
    assert [id_ for id_, _ in fake_library.collection.matching("alpha", 3)]  # found all the same
    with pytest.raises(IsthmusError, match="The disk is full: the documents are as they should be"):
        fake_library.remove(["a.txt"])
    monkeypatch.setattr(fake_library.collection.vectors, "add", fail)
    with pytest.raises(IsthmusError, match=r"b\.txt was not added"):
        fake_library.add_texts([("b.txt", "Beta is second.")])


def test_vectors_of_a_failed_write_do_not_crowd_out_hits(fake_library, monkeypatch):
    add_texts(fake_library)
    with monkeypatch.context() as broken:
        broken.setattr(
            fake_library.collection.documents, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space"))
        )
        with pytest.raises(IsthmusError):
            fake_library.add_texts([("crowd.txt", "\n\n".join(["Tea comes from China. " * 30] * 40))])
    assert fake_library.search("Tea comes from China.", 3)[0].passage.title == "tea"
    assert len(fake_library.search("Tea comes from China.", 3)) == 3


def test_after_a_failed_write_the_vectors_are_opened_anew(fake_library, monkeypatch):
    """Chroma may keep a lock on its files when a write fails, and would wait for it for 1000 seconds."""
    add_texts(fake_library)
    vectors = fake_library.collection.vectors
    client = vectors._client

    def fail(*_, **__):
        raise InternalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(vectors._collection, "upsert", fail)
        with pytest.raises(IsthmusError, match=r"a\.txt was not added"):
            fake_library.add_texts([("a.txt", "Alpha is first.")])
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=1, used=1, free=0))
        with pytest.raises(IsthmusError, match="The disk is full"):
            fake_library.add_texts([("a.txt", "Alpha is first.")])
    assert vectors._client is client  # there is no room to open them, and they can still be read
    assert fake_library.search("Tea comes from China.", 1)[0].passage.title == "tea"
    fake_library.add_texts([("a.txt", "Alpha is first.")])
    assert vectors._client is not client
    assert fake_library.search("Alpha is first.", 1)[0].passage.title == "a"
    assert fake_library.check() == []


def test_vectors_that_cannot_be_opened_again_are_tried_again(fake_library, monkeypatch):
    add_texts(fake_library)
    vectors = fake_library.collection.vectors
    vectors._has_failed = True
    with monkeypatch.context() as broken:
        broken.setattr("retriever.store.vectors._client", lambda *_: (_ for _ in ()).throw(ValueError("no tenant")))
        with pytest.raises(IsthmusError, match=r"a\.txt was not added"):
            fake_library.add_texts([("a.txt", "Alpha is first.")])
    assert fake_library.search("Tea comes from China.", 1)[0].passage.title == "tea"
    fake_library.add_texts([("a.txt", "Alpha is first.")])
    assert fake_library.check() == []


# Closing


def test_close_can_be_called_twice_and_from_any_thread(settings, fake_encoder):
    library = Library(settings, fake_encoder)
    thread = threading.Thread(target=library.close)
    thread.start()
    thread.join()
    library.close()
    assert read_holder(settings.library) == {}
    with Library(settings, fake_encoder):
        pass


def test_a_closed_library_says_so(settings, fake_encoder):
    library = Library(settings, fake_encoder)
    add_texts(library)
    library.close()
    with pytest.raises(IsthmusError, match="is closed; open it again"):
        library.add_texts([("a.txt", "Alpha.")])
    with pytest.raises(IsthmusError, match="is closed; open it again"):
        library.remove(["tea.txt"])


def test_close_waits_for_the_write_under_way(settings, fake_encoder, monkeypatch):
    library = Library(settings, fake_encoder)
    writing, go_on = threading.Event(), threading.Event()
    write = library.collection.documents.replace

    def slow(*arguments):
        writing.set()
        assert go_on.wait(30)
        write(*arguments)

    monkeypatch.setattr(library.collection.documents, "replace", slow)
    outcome: list[object] = []

    def add():
        try:
            outcome.extend(library.add_texts([("a.txt", "Alpha is first."), ("b.txt", "Beta is second.")]))
        except IsthmusError as error:
            outcome.append(str(error))

    adding = threading.Thread(target=add)
    adding.start()
    assert writing.wait(30)
    closing = threading.Thread(target=library.close)
    closing.start()
    assert closing.is_alive()
    go_on.set()
    adding.join()
    closing.join()
    with Library(settings, fake_encoder) as again:
        assert again.check() == []
        assert again.collection.documents.generation == 0  # it was a clean end
        titles = {document.title for document in again.documents()}
    assert "a" in titles
    assert "b" in titles or "is closed" in str(outcome[-1])


def test_an_end_after_a_failed_write_is_not_noted_as_clean(settings, fake_encoder, monkeypatch):
    with Library(settings, fake_encoder) as library:
        add_texts(library)
        with monkeypatch.context() as broken:
            broken.setattr(
                library.collection.documents, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space"))
            )
            with pytest.raises(IsthmusError):
                library.add_texts([("a.txt", "Alpha is first.")])
    store = sqlite_documents(settings.library)
    assert not store.clean_shutdown
    store.close()
    with Library(settings, fake_encoder) as library:
        assert library.collection.documents.generation == 1
        assert_whole(library)


@pytest.mark.parametrize("part", ["CrossLingualRetriever", "add_missing_times", "build_reranker"])
def test_opening_that_fails_half_way_leaves_nothing_open(closed_library, settings, fake_encoder, monkeypatch, part):
    def fail(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(f"rag.documents.library.{part}", fail)
        with pytest.raises(ZeroDivisionError):
            Library(settings, fake_encoder)
    assert read_holder(closed_library) == {}
    assert str(closed_library / "vectors") not in SharedSystemClient._identifier_to_refcount
    with Library(settings, fake_encoder) as library:
        assert_whole(library)


def test_the_lock_is_free_after_a_note_that_cannot_be_written(tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("retriever.store.lock.write_file", fail)
    with caplog.at_level(logging.WARNING):
        acquire(tmp_path, "a test").release()
    assert "No space left on device" in caplog.text
    assert read_holder(tmp_path) == {}


# Collections


def collection_names(folder, fake_encoder, name):
    client = VectorIndex(fake_encoder, path=folder / "vectors", name=name)
    names = sorted(client._names())
    client.close()
    return names


def test_leftover_collections_of_earlier_generations_are_deleted(closed_library, settings, fake_encoder):
    store = sqlite_documents(closed_library)
    name, leftover = store.collection, store.next_collection
    store.close()
    for old in (leftover, "passages-0"):  # as a kill during recovery leaves them
        VectorIndex(fake_encoder, path=closed_library / "vectors", name=old).close()
    (closed_library / "vectors.seal").unlink()
    with Library(settings, fake_encoder) as library:
        assert_whole(library)
    assert collection_names(closed_library, fake_encoder, name) == [name]


def test_a_recovered_library_sees_what_another_process_writes(closed_library, settings, fake_encoder):
    store = sqlite_documents(closed_library)
    store.clean_shutdown = False
    store.close()
    with Library(settings, fake_encoder) as library:
        assert library.collection.documents.generation == 1
    program = (
        "import sys; from pathlib import Path; from tests.conftest import FakeEncoder; "
        "from rag.documents.library import Library; from rag.settings import load_settings\n"
        "with Library(load_settings(library=Path(sys.argv[1])), FakeEncoder()) as library:\n"
        "    library.add_texts([('river.txt', 'The river is long.')])\n"
    )
    subprocess.run([sys.executable, "-c", program, str(closed_library)], cwd=ROOT, check=True)
    with Library(settings, fake_encoder) as library:  # a client left open would not know the new passage
        assert library.search("The river is long.")[0].passage.title == "river"
        library.remove(["river.txt"])
        assert_whole(library)


def make_legacy(folder: Path, generation: int = 0) -> None:
    """Make the library one of an earlier version, which named its collection by the generation alone."""
    with sqlite3.connect(folder / DOCUMENTS_FILE) as database:
        database.execute("DROP TABLE library")
        database.execute("UPDATE state SET generation = ?", (generation,))
    database.close()
    for name in ("vectors.seal", "tokens.seal"):
        (folder / name).unlink()


def test_a_library_of_an_earlier_version_gets_its_words_and_loses_their_folders(closed_library, settings, fake_encoder):
    with sqlite3.connect(closed_library / DOCUMENTS_FILE) as database:
        for table in ("words", "languages", "recent_words", "blocks", "postings"):
            database.execute(f"DROP TABLE {table}")
    database.close()
    for name in ("lexical-3", "lexical-4.draft"):
        (closed_library / name).mkdir()
        (closed_library / name / "ids.json").write_text("[]")
    (closed_library / "lexical-2").write_text("no folder")
    with Library(settings, fake_encoder) as library:
        assert_whole(library)
        assert library.collection.documents.generation == 0
    assert not list(closed_library.glob("lexical-*"))


def test_a_library_of_an_earlier_version_keeps_its_collection(closed_library, settings, fake_encoder):
    make_legacy(closed_library, 2)
    shutil.rmtree(closed_library / "vectors")
    with Library(settings, fake_encoder) as library:
        rows = library.collection.documents.all_passages()
        assert library.collection.documents.collection == f"isthmus-{library.collection.documents.library_id}-3"
        vectors = fake_encoder.encode_passages([passage.embedded_text for passage in rows])
    make_legacy(closed_library, 2)
    legacy = VectorIndex(fake_encoder, path=closed_library / "vectors", name="passages-2")
    legacy.add([(passage.id, passage.document_id, passage.language) for passage in rows], vectors)
    legacy.close()
    with Library(settings, fake_encoder) as library:
        assert library.collection.documents.collection == "passages-2"
        assert_whole(library)


@pytest.mark.slow
@pytest.mark.parametrize("is_legacy", [False, True])
def test_two_libraries_on_one_server_leave_each_other_alone(settings, fake_encoder, tmp_path, chroma_url, is_legacy):
    first, second = (
        settings.model_copy(update={"library": tmp_path / name, "chroma_url": chroma_url}) for name in ("one", "two")
    )
    for each in (first, second):
        with Library(each, fake_encoder) as library:
            add_texts(library)
        if is_legacy:
            (each.library / "vectors.seal").touch()
            make_legacy(each.library)
    for _ in range(2):
        for each in (first, second):
            store = sqlite_documents(each.library)
            store.clean_shutdown = False  # so that its vectors are copied
            store.close()
            with Library(first, fake_encoder) as library, Library(second, fake_encoder) as other:
                assert_whole(library)
                assert_whole(other)
                library.remove(["tea.txt"])
                assert_whole(other)
                add_texts(library)
    with Library(first, fake_encoder) as library:
        prefix = f"isthmus-{library.collection.documents.library_id}-"
        vectors = library.collection.vectors
        assert isinstance(vectors, VectorIndex)
        assert len([name for name in vectors._names() if name.startswith(prefix)]) == 1


@pytest.mark.slow
def test_a_copied_library_on_the_same_server_is_another(settings, fake_encoder, tmp_path, chroma_url):
    first, second, third = (
        settings.model_copy(update={"library": tmp_path / name, "chroma_url": chroma_url})
        for name in ("one", "copied", "moved")
    )
    with Library(first, fake_encoder) as library:
        add_texts(library)
    shutil.copytree(first.library, second.library)
    with Library(second, fake_encoder) as copied, Library(first, fake_encoder) as library:
        ids = [each.collection.documents.library_id for each in (library, copied)]
        assert ids[0] != ids[1]
        assert_whole(copied)
        copied.remove(["tea.txt"])
        assert_whole(library)
    second.library.rename(third.library)
    with Library(third, fake_encoder) as moved, Library(first, fake_encoder) as library:
        assert [each.collection.documents.library_id for each in (library, moved)] == ids
        assert_whole(library)


@pytest.mark.slow
def test_a_chroma_server_that_dies_is_one_sentence_and_nothing_is_lost(settings, fake_encoder, tmp_path):
    port = unused_port()
    remote = settings.model_copy(update={"chroma_url": f"http://127.0.0.1:{port}"})
    gone = rf"The Chroma server at http://127\.0\.0\.1:{port} does not answer any more"
    with running_chroma(tmp_path / "server", port) as server, Library(remote, fake_encoder) as library:
        add_texts(library)
        server.kill()
        server.wait()
        with pytest.raises(IsthmusError, match=gone + ": milk.txt was not added, what came before it is kept"):
            library.add_texts([("milk.txt", "Milk comes from cows.")])
        with pytest.raises(IsthmusError, match=gone):
            library.search("Where does tea come from?")
    with running_chroma(tmp_path / "server", port), Library(remote, fake_encoder) as library:
        assert_whole(library)


# Content


def statuses(results):
    return [result.status for result in results]


def test_two_files_that_swap_contents_are_both_replaced(fake_library, tmp_path):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("The tower is 330 metres tall.")
    second.write_text("The river is long.")
    fake_library.add([first, second])
    first.write_text("The river is long.")
    second.write_text("The tower is 330 metres tall.")
    assert statuses(fake_library.add([first, second])) == ["replaced", "replaced"]
    assert fake_library.search("The river is long.")[0].passage.title == "a"
    assert fake_library.search("The tower is 330 metres tall.")[0].passage.title == "b"
    assert fake_library.check() == []


def test_content_that_moves_to_a_new_file_is_not_lost(fake_library, tmp_path):
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("The tower is 330 metres tall.")
    fake_library.add([old])
    new.write_text("The tower is 330 metres tall.")
    old.write_text("The river is long.")
    assert statuses(fake_library.add([new, old])) == ["added", "replaced"]
    assert {document.title for document in fake_library.documents()} == {"old", "new"}


def test_two_uploads_of_one_name_are_two_documents(fake_library, tmp_path):
    uploads = []
    for number, text in enumerate(["Alpha is first.", "Beta is second.", "Gamma is third."]):
        (tmp_path / str(number)).write_text(text)
        uploads.append(("report.txt", tmp_path / str(number)))
    results = fake_library.add_upload(uploads)
    assert [(r.name, r.status) for r in results] == [
        ("report.txt", "added"),
        ("report (2).txt", "added"),
        ("report (3).txt", "added"),
    ]
    assert statuses(fake_library.add_upload(uploads)) == ["unchanged"] * 3
    (tmp_path / "0").write_text("Delta is fourth.")
    assert statuses(fake_library.add_upload(uploads[:1], replace=True)) == ["replaced"]
    assert [document.source for document in fake_library.documents()].count("report.txt") == 1
    assert fake_library.search("Alpha is first.")[0].passage.text != "Alpha is first."
    assert fake_library.check() == []


def test_passage_ids_know_the_passage_size_and_ordinary_ones_stay(settings, fake_encoder):
    text = "The tower is 330 metres tall. " * 40
    ids = []
    for size in (800, 400, 800):
        with Library(settings.model_copy(update={"passage_chars": size}), fake_encoder) as library:
            library.add_texts([("tower.txt", text)])
            ids.append({passage.id for passage in library.collection.documents.all_passages()})
            library.remove(["tower.txt"])
    assert ids[0] == ids[2]
    assert not ids[0] & ids[1]
    assert {id_.rsplit("-", 1)[0] for id_ in ids[0]} == {"88f814c0a557d099"}  # as earlier versions made it

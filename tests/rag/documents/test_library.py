import errno
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromadb.errors import InternalError
from qdrant_client import QdrantClient

from rag.documents.library import Library
from rag.settings import Settings, load_settings
from retriever.errors import IsthmusError, LibraryBusyError
from retriever.store.lock import read_holder
from retriever.store.opening import list_documents
from tests.conftest import unused_port
from tests.qdrant_rest import qdrant_app, running
from tests.rag.documents.killed import KINDS, read_changes, started
from tests.rag.documents.numbered import HashEncoder, numbered_text, stored_numbers


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def statuses(results):
    return [result.status for result in results]


def test_adding_is_idempotent_and_changes_replace(fake_library, tmp_path):
    folder = write(tmp_path / "docs", a="The tower is 330 metres tall.", b="The river is long.")
    assert statuses(fake_library.add([folder])) == ["added", "added"]
    assert statuses(fake_library.add([folder])) == ["unchanged", "unchanged"]
    write(folder, a="The tower is 336 metres tall.")
    assert statuses(fake_library.add([folder])) == ["replaced", "unchanged"]
    texts = [hit.passage.text for hit in fake_library.search("tower", 10)]
    assert "The tower is 336 metres tall." in texts
    assert not any("330" in text for text in texts)
    assert fake_library.check() == []


def test_passages_keep_their_place(fake_library, tmp_path):
    text = "\n\n".join(f"Paragraph {n} tells of the year {1900 + n}. It has more words to fill it." for n in range(60))
    fake_library.add([write(tmp_path / "docs", a=text)])
    passages = fake_library.collection.documents.all_passages()
    assert len(passages) > 2
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert (passage.title, passage.language) == ("a", "en")


def test_passages_keep_their_times_and_a_library_from_before_gets_them(settings, fake_encoder, tmp_path):
    with Library(settings, fake_encoder) as library:
        library.add([write(tmp_path / "docs", a="Anna Berg was mayor from March 1988 to June 1991.", b="Beta.")])
        times = {p.title: [str(period) for period in p.times] for p in library.collection.documents.all_passages()}
    assert times == {"a": ["1988-03/1991-06"], "b": []}
    with sqlite3.connect(library.folder / "catalogue.sqlite") as catalogue:
        catalogue.execute("DROP TABLE times")
    with Library(settings, fake_encoder) as opened:
        assert opened.collection.documents.passages_without_times() == []
        assert {p.title: [str(t) for t in p.times] for p in opened.collection.documents.all_passages()} == times
        opened.remove(["a"])
        assert [p.title for p in opened.collection.documents.all_passages()] == ["b"]
        assert opened.search("mayor")[0].passage.title == "b"


def test_deletion_is_complete(fake_library, tmp_path):
    fake_library.add([write(tmp_path / "docs", a="Alpha is first.", b="Beta is second.")])
    (removed,) = fake_library.remove(["a.txt"])
    assert removed.title == "a"
    assert [document.title for document in fake_library.documents()] == ["b"]
    assert all(hit.passage.title == "b" for hit in fake_library.search("Alpha first", 10))
    assert fake_library.check() == []
    with pytest.raises(IsthmusError, match="No document is called"):
        fake_library.remove(["b.txt", "nothing"])
    assert len(fake_library.documents()) == 1


def test_several_languages_live_together(fake_library):
    fake_library.add_texts(
        [
            ("a.txt", "The capital of Romania is Bucharest, a large city."),
            ("b.txt", "दिल्ली भारत की राजधानी है और बड़ा शहर है।"),
        ]
    )
    assert fake_library.collection.documents.languages() == {"en": 1, "hi": 1}


def test_bad_files_fail_alone(fake_library, tmp_path):
    folder = write(tmp_path / "docs", good="Good words.")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    fake_library.settings = fake_library.settings.model_copy(update={"max_file_mb": 1})
    (folder / "huge.txt").write_bytes(b"x" * 1_000_001)
    results = {
        Path(r.name).name: r for r in fake_library.add([folder, tmp_path / "missing.txt", tmp_path / "nul\0.txt"])
    }
    assert results["good.txt"].status == "added"
    reasons = {name: result.reason for name, result in results.items() if result.status == "failed"}
    assert reasons.keys() == {"empty.txt", "broken.pdf", "huge.txt", "missing.txt", "nul\0.txt"}
    assert "limit is 1 MB" in reasons["huge.txt"]
    assert all("\n" not in reason for reason in reasons.values())
    assert fake_library.check() == []


@pytest.mark.parametrize(
    "name", ["../../evil.txt", "a" * 300 + ".txt", "\u202egnp.txt", "<img src=x onerror=alert(1)>.txt", "..\\x.txt"]
)
def test_hostile_names_are_only_names(fake_library, tmp_path, name):
    file = tmp_path / "upload"
    file.write_text("Plain words.")
    (result,) = fake_library.add_upload([(name, file)])
    assert result.status == "added"
    assert "/" not in fake_library.documents()[0].source
    assert [path.name for path in fake_library.folder.iterdir() if path.is_dir()] == ["vectors"]


def test_one_holder_at_a_time(fake_library, settings, fake_encoder):
    with pytest.raises(LibraryBusyError, match=r"in use by isthmus \(process \d+\)"):
        Library(settings, fake_encoder)
    assert read_holder(settings.library)["pid"] == str(os.getpid())
    fake_library.add_texts([("a.txt", "Readable by all.")])
    assert [document.title for document in list_documents(settings.library)] == ["a"]


@pytest.mark.slow
def test_vectors_that_are_gone_are_made_anew(settings, encoder):
    with Library(settings, encoder) as library:
        library.add_texts([("a.txt", "Coffee comes from Ethiopia.")])
    shutil.rmtree(settings.library / "vectors")
    process = subprocess.run(
        [sys.executable, "-c", REOPEN, str(settings.library)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "ISTHMUS_CACHE": str(settings.cache)},
    )
    assert process.stdout.strip() == "[] a", process.stderr


REOPEN = """
import sys
from pathlib import Path
from rag.documents.library import Library
from rag.settings import load_settings

with Library(load_settings(library=Path(sys.argv[1]))) as library:
    print(library.check(), library.search("coffee")[0].passage.title)
"""


@pytest.mark.parametrize(
    ("place", "error", "reason"),
    [
        ("documents.replace", sqlite3.OperationalError("database or disk is full"), "The disk is full: b.txt was not"),
        ("vectors.add", OSError(errno.ENOSPC, "No space left on device"), "The disk is full: b.txt was not"),
        ("vectors.add", InternalError("error writing: disk I/O error"), "could not be written"),
    ],
)
def test_a_full_or_failing_disk_is_one_sentence_and_nothing_stored_is_lost(
    settings, fake_encoder, monkeypatch, place, error, reason
):
    with Library(settings, fake_encoder) as library:
        library.add_texts([("a.txt", "The Danube is long.")])
        with monkeypatch.context() as broken:
            holder, method = place.split(".")

            def fail(*_):
                raise error

            broken.setattr(getattr(library.collection, holder), method, fail)
            with pytest.raises(IsthmusError, match=reason):
                library.add_texts([("b.txt", "The Rhine is long too.")])
        assert [hit.passage.title for hit in library.search("Dunărea")] == ["a"]
        assert library.add_texts([("b.txt", "The Rhine is long too.")])[0].status == "added"
    with Library(settings, fake_encoder) as library:
        assert library.check() == []
        assert {document.title for document in library.documents()} == {"a", "b"}


@pytest.fixture(params=["in its folder", "on servers"])
def place(request, settings) -> Iterator[Settings]:
    """A library in its folder; and one with vectors in Qdrant and documents in PostgreSQL."""
    if request.param == "in its folder":
        yield settings
        return
    url = request.getfixturevalue("postgresql").new_database()
    with running(qdrant_app(QdrantClient(":memory:")), unused_port()) as qdrant_url:
        yield load_settings(settings, qdrant_url=qdrant_url, documents_url=url)


@pytest.mark.slow
def test_kill_at_any_moment_leaves_the_library_whole(place):
    """kill -9 at random moments; after each, what was done is there, and each document is whole or not there.

    60 times in a folder; 24 on servers, where test_shared_library.py kills 60 times more.
    """
    kills = 24 if place.documents_url else 60
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # shown by pytest if the test fails
    rng = random.Random(seed)
    revisions = set()
    numbers: dict[str, int | None] = {"first.txt": 999_999}
    with Library(place, HashEncoder()) as library:
        library.add_texts([("first.txt", numbered_text(999_999))])
    with started(place) as worker:
        longest = 0.0
        for round_ in range(kills):
            worker.stdin.write(f"{KINDS[round_ % len(KINDS)]} {round_ * 1000}\n")
            pid = json.loads(worker.stdout.readline())["pid"]
            begun = time.monotonic()
            if round_ == 0:  # one whole change tells how much time a round needs on this machine
                messages = [json.loads(worker.stdout.readline()) for _ in ("opened", "begin", "end")]
                numbers |= messages[1]["begin"]
                longest = max(0.5, 3 * (time.monotonic() - begun))  # most of it is the start of the parser
            elif rng.random() < 0.7:  # else the kill may come while it opens
                assert json.loads(worker.stdout.readline()) == {"opened": True}
            time.sleep(rng.uniform(0.01, longest))
            os.kill(pid, signal.SIGKILL)
            done, pending = read_changes(worker)
            numbers |= done
            with Library(place, HashEncoder()) as library:
                stored = stored_numbers(library)
                revisions.add(library.collection.documents.revision)
            for name in stored.keys() | numbers.keys() | pending.keys():
                assert stored.get(name) in {numbers.get(name)} | pending.get(name, set()), (round_, name)
            numbers = dict(stored)
    assert len(revisions) > kills // 4

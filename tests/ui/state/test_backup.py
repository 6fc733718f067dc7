"""A library is backed up while it is written to, and put back whole."""

import io
import json
import tarfile
import threading

import pytest

from rag.settings import load_settings
from retriever.errors import IsthmusError
from tests.ui.server.conftest import QuotingEngine
from ui.state.access import OWNER, Role
from ui.state.backup import back_up, restore
from ui.state.collections import Collections

PASSWORD = "correct horse battery"


@pytest.fixture
def collections(settings, fake_encoder):
    with Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as collections:
        view = collections.of(OWNER)
        view.create("Ajutor")
        for name in ("library", "Ajutor"):
            with view.use(name) as rag:
                rag.library.add_texts([(f"{name}.txt", f"The words of {name}: ţară, देश, 国.")])
        collections.accounts.add_user("Ana", PASSWORD, Role.READER, by="test")
        yield collections


def reopened(folder, fake_encoder):
    settings = load_settings(library=folder, sample=False)
    return Collections(settings, encoder=fake_encoder, engine=QuotingEngine())


def test_what_is_restored_is_searched_and_logs_in(collections, fake_encoder, tmp_path):
    assert back_up(collections.library.settings.library, tmp_path / "backup.tar") == 2
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0
    assert restore(tmp_path / "backup.tar", tmp_path / "second") == 2
    with reopened(tmp_path / "second", fake_encoder) as second:
        view = second.of(OWNER)
        assert [(info.name, info.documents) for info in view.infos()] == [("library", 1), ("Ajutor", 1)]
        with view.use("Ajutor") as rag:
            assert rag.search("words of Ajutor")[0].passage.text == "The words of Ajutor: ţară, देश, 国."
            assert rag.library.check() == []
        assert second.accounts.log_in("Ana", PASSWORD)


def test_a_backup_amid_writing_is_of_one_moment(collections, fake_encoder, tmp_path):
    stopped = threading.Event()

    def write():
        number = 0
        while not stopped.is_set():
            collections.library.library.add_texts([(f"{number}.txt", f"Number {number}. " * 50)])
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            count = back_up(collections.library.settings.library, tmp_path / "backup.tar")
            restore(tmp_path / "backup.tar", tmp_path / f"copy{number}")
            with reopened(tmp_path / f"copy{number}", fake_encoder) as copy:
                assert copy.library.library.check() == []
                assert sum(info.documents for info in copy.of(OWNER).infos()) == count
    finally:
        stopped.set()
        writer.join()


def test_nothing_is_overwritten(collections, tmp_path):
    library = collections.library.settings.library
    back_up(library, tmp_path / "backup.tar")
    with pytest.raises(IsthmusError, match="is not empty"):
        restore(tmp_path / "backup.tar", library)
    with pytest.raises(IsthmusError, match="There is no library"):
        back_up(tmp_path / "none", tmp_path / "other.tar")
    with pytest.raises(IsthmusError, match="cannot be written"):
        back_up(library, tmp_path / "none" / "backup.tar")


def test_a_damaged_archive_restores_nothing(collections, tmp_path):
    archive = tmp_path / "backup.tar"
    back_up(collections.library.settings.library, archive)
    whole = archive.read_bytes()
    place = whole.index("देश".encode())
    damages = {
        "cut": whole[: len(whole) // 2],
        "changed": whole[:place] + b"xxxxxxxxx" + whole[place + 9 :],
        "empty": b"",
        "no archive": b"words",
    }
    for name, damaged in damages.items():
        archive.write_bytes(damaged)
        with pytest.raises(IsthmusError, match=r"is damaged|is no whole backup"):
            restore(archive, tmp_path / "target")
        assert not (tmp_path / "target").exists(), name
        assert not list(tmp_path.glob("target-*")), name


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "collections/../../evil/catalogue.sqlite", "page.html"])
def test_an_archive_reaches_no_other_file(name, tmp_path):
    text = json.dumps({"version": 1, "files": {name: {"sha256": "", "documents": 0, "passages": 0}}}).encode()
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        for member, content in (("manifest.json", text), (name, b"evil")):
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    with pytest.raises(IsthmusError, match="it holds"):
        restore(tmp_path / "evil.tar", tmp_path / "target")
    assert {path.name for path in tmp_path.iterdir()} == {"evil.tar"}

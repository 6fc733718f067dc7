"""A library and its state, in SQLite or PostgreSQL, are backed up while they are written to, and put back whole."""

import io
import json
import tarfile
import threading

import pytest

from rag.settings import load_settings
from retriever.errors import IsthmusError
from tests.ui.server.conftest import QuotingEngine
from ui.state.access import OWNER, Role
from ui.state.accounts import User
from ui.state.backup import back_up, restore
from ui.state.collections import Collections

PASSWORD = "correct horse battery"


@pytest.fixture
def collections(settings, new_state, fake_encoder):
    settings = load_settings(settings, state_url=new_state())
    with Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as collections:
        view = collections.of(OWNER)
        view.create("Ajutor")
        for name in ("library", "Ajutor"):
            with view.use(name) as rag:
                rag.library.add_texts([(f"{name}.txt", f"The words of {name}: ţară, देश, 国.")])
        collections.accounts.add_user("Ana", PASSWORD, Role.READER, by="test")
        yield collections


def reopened(settings, fake_encoder):
    return Collections(settings, encoder=fake_encoder, engine=QuotingEngine())


def test_what_is_restored_is_searched_and_logs_in(collections, new_state, fake_encoder, tmp_path):
    assert back_up(collections.library.settings, tmp_path / "backup.tar") == 2
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0
    elsewhere = load_settings(library=tmp_path / "second", state_url=new_state(), sample=False)
    assert restore(tmp_path / "backup.tar", elsewhere) == 2
    with reopened(elsewhere, fake_encoder) as second:
        view = second.of(OWNER)
        assert [(info.name, info.documents) for info in view.infos()] == [("library", 1), ("Ajutor", 1)]
        with view.use("Ajutor") as rag:
            assert rag.search("words of Ajutor")[0].passage.text == "The words of Ajutor: ţară, देश, 国."
            assert rag.library.check() == []
        assert second.accounts.log_in("Ana", PASSWORD)
        actions = [entry.action for entry in second.accounts.audit.entries()]
        assert actions == ["create collection", "set user", "login"]


@pytest.mark.slow
@pytest.mark.parametrize("first", ["sqlite", "postgresql"])
def test_a_backup_of_one_database_is_restored_into_the_other(first, postgresql, settings, fake_encoder, tmp_path):
    databases = {"sqlite": None, "postgresql": postgresql.new_database()}
    source = load_settings(settings, state_url=databases.pop(first))
    target = load_settings(library=tmp_path / "second", state_url=databases.popitem()[1], sample=False)
    with reopened(source, fake_encoder) as collections:
        collections.of(OWNER).create("Ajutor", {"top_k": 3})
        collections.accounts.add_user("Ana", PASSWORD, Role.READER, ["desk"], by="test")
        back_up(source, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", target)
    with reopened(target, fake_encoder) as second:
        assert second.of(OWNER).info("Ajutor").settings == {"top_k": 3}
        assert second.accounts.users() == [User("Ana", Role.READER, ("desk",), None, None)]


def test_a_database_in_use_is_not_restored_into(postgresql, settings, fake_encoder, tmp_path):
    settings = load_settings(settings, state_url=postgresql.new_database())
    with reopened(settings, fake_encoder):
        back_up(settings, tmp_path / "backup.tar")
        with pytest.raises(IsthmusError, match="another library's"):
            restore(tmp_path / "backup.tar", load_settings(settings, library=tmp_path / "second"))
    assert {path.name for path in tmp_path.iterdir()} == {"library", "backup.tar"}


def test_a_backup_amid_writing_is_of_one_moment(collections, new_state, fake_encoder, tmp_path):
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
            count = back_up(collections.library.settings, tmp_path / "backup.tar")
            elsewhere = load_settings(library=tmp_path / f"copy{number}", state_url=new_state(), sample=False)
            restore(tmp_path / "backup.tar", elsewhere)
            with reopened(elsewhere, fake_encoder) as copy:
                assert copy.library.library.check() == []
                assert sum(info.documents for info in copy.of(OWNER).infos()) == count
    finally:
        stopped.set()
        writer.join()


def test_nothing_is_overwritten(collections, tmp_path):
    settings = collections.library.settings
    back_up(settings, tmp_path / "backup.tar")
    with pytest.raises(IsthmusError, match="is not empty"):
        restore(tmp_path / "backup.tar", settings)
    with pytest.raises(IsthmusError, match="There is no library"):
        back_up(load_settings(settings, library=tmp_path / "none"), tmp_path / "other.tar")
    with pytest.raises(IsthmusError, match="cannot be written"):
        back_up(settings, tmp_path / "none" / "backup.tar")


def test_a_damaged_archive_restores_nothing(collections, tmp_path):
    archive = tmp_path / "backup.tar"
    back_up(collections.library.settings, archive)
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
            restore(archive, load_settings(library=tmp_path / "target"))
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
        restore(tmp_path / "evil.tar", load_settings(library=tmp_path / "target"))
    assert {path.name for path in tmp_path.iterdir()} == {"evil.tar"}

"""The database of the state: made, brought up to date, found again, and refused where it is not the library's."""

import json
import sys

import psycopg
import pytest
from alembic import command
from sqlalchemy import URL, create_engine, text

from rag.settings import load_settings
from retriever.errors import IsthmusError
from retriever.store.lock import acquire
from tests.postgresql import PASSWORD
from ui.state.access import Role
from ui.state.accounts import Accounts
from ui.state.opening import open_database

ADDRESS = f"postgresql://isthmus:{PASSWORD}@127.0.0.1:1/isthmus"


@pytest.fixture
def settings(settings):
    settings.library.mkdir()
    return settings


def names(settings):
    database = open_database(settings)
    users = Accounts(database).users()
    database.dispose()
    return [user.name for user in users]


def add(settings, name):
    database = open_database(settings)
    Accounts(database).add_user(name, None, Role.READER, by="test")
    database.dispose()


def refusal(settings):
    """The one sentence, which holds no secret."""
    with pytest.raises(IsthmusError) as refused:
        open_database(settings)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert PASSWORD not in sentence
    return sentence


def test_what_is_kept_is_there_again(settings, new_state):
    settings = load_settings(settings, state_url=new_state())
    add(settings, "Zoë")
    add(settings, "देवी")
    assert names(settings) == ["Zoë", "देवी"]


@pytest.mark.slow
def test_a_new_database_takes_over_what_sqlite_has_held(settings, postgresql):
    add(settings, "Ana")
    moved = load_settings(settings, state_url=postgresql.new_database())
    assert names(moved) == ["Ana"]
    add(moved, "Ben")
    database = open_database(moved)
    entries = Accounts(database).audit.entries()
    database.dispose()
    assert [(entry.what, entry.outcome) for entry in entries] == [("Ana (reader)", "done"), ("Ben (reader)", "done")]
    assert names(settings) == []  # no user comes back to life if the setting is taken away


def test_sqlite_is_not_taken_over_under_a_server(settings):
    add(settings, "Ana")
    lock = acquire(settings.library, "the server")
    note = json.dumps({"what": "the server", "pid": "1"})
    (settings.library / "holder.json").write_text(note)
    assert "in use by the server (process 1); stop it" in refusal(load_settings(settings, state_url=ADDRESS))
    lock.release()
    assert names(settings) == ["Ana"]


@pytest.mark.slow
def test_a_database_is_of_one_library(settings, postgresql, tmp_path):
    settings = load_settings(settings, state_url=postgresql.new_database())
    add(settings, "Ana")
    other = load_settings(settings, library=tmp_path / "other")
    other.library.mkdir()
    assert "another library's" in refusal(other)
    empty = load_settings(settings, state_url=postgresql.new_database())
    assert "is empty, and this library has had one" in refusal(empty)
    assert names(settings) == ["Ana"]


@pytest.mark.slow
def test_a_server_that_was_started_again_is_found_again(settings, postgresql):
    address = postgresql.new_database()
    database = open_database(load_settings(settings, state_url=address))
    accounts = Accounts(database)
    assert accounts.users() == []
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert accounts.users() == []
    database.dispose()


@pytest.mark.slow
def test_a_server_that_refuses_is_one_sentence(settings, postgresql):
    wrong = postgresql.url("postgres", f"{PASSWORD}-not")
    assert "password authentication failed" in refusal(load_settings(settings, state_url=wrong))
    assert '"none" does not exist' in refusal(load_settings(settings, state_url=postgresql.url("none")))


def test_a_server_that_is_not_there_is_one_sentence(settings):
    assert "state_url names cannot be opened" in refusal(load_settings(settings, state_url=ADDRESS))


def test_a_missing_driver_is_one_sentence(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'isthmus[postgres]'" in refusal(load_settings(settings, state_url=ADDRESS))


@pytest.mark.parametrize(
    "address",
    ["sqlite:///state.sqlite", f"postgresql://isthmus:{PASSWORD}", f"postgresql://me:@{PASSWORD}@db/isthmus",
     f"postgresql://me:{PASSWORD}/@db/isthmus", f"postgresql://me:{PASSWORD} @db/isthmus", "postgresql:///isthmus", ""],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_unseen(address):
    with pytest.raises(IsthmusError, match=r"'state_url'.*is needed") as refused:
        load_settings(state_url=address)
    assert PASSWORD not in str(refused.value)


def test_a_database_of_an_earlier_version_is_brought_up_to_date(settings, monkeypatch):
    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda config, _: upgrade(config, "0001"))
    open_database(settings).dispose()
    old = create_engine(URL.create("sqlite", database=str(settings.library / "server.sqlite")))
    with old.begin() as connection:
        connection.execute(
            text("INSERT INTO audit (time, who, action, what) VALUES ('2026-01-01 00:00:00.0', 'Ana', 'login', '')")
        )
    old.dispose()
    monkeypatch.undo()
    database = open_database(settings)
    (entry,) = Accounts(database).audit.entries()
    database.dispose()
    assert (entry.who, entry.outcome) == ("Ana", "done")


def test_a_database_of_a_later_version_is_one_sentence(settings):
    database = open_database(settings)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.dispose()
    assert "update Isthmus if a newer one wrote it" in refusal(settings)

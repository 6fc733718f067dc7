"""The command `isthmus migrate`, over HTTP."""

import pytest
from qdrant_client import QdrantClient

from rag.documents.library import Library
from rag.settings import load_settings
from tests.conftest import unused_port
from tests.qdrant_rest import qdrant_app, running


@pytest.fixture
def url():
    with running(qdrant_app(QdrantClient(":memory:")), unused_port()) as address:
        yield address


@pytest.fixture
def isthmus(run_command, monkeypatch, settings, fake_encoder):
    """The command with the fake encoder: what it prints."""
    monkeypatch.setattr("rag.documents.library.build_encoder", lambda *_: fake_encoder)

    def run(*arguments, **options):
        printed = run_command(*arguments, "-L", settings.library, **options)
        return printed.out + printed.err

    return run


def test_the_library_and_its_collections_go_and_come_back(settings, fake_encoder, isthmus, url):
    places = [settings, settings.model_copy(update={"library": settings.library / "collections" / "one"})]
    for place in places:
        with Library(place, fake_encoder) as library:
            library.add_texts([("tea.txt", "Tea comes from China."), ("coffee.txt", "Coffee comes from Ethiopia.")])
    printed = isthmus("migrate", "--to", "qdrant", "--url", url)
    assert "copied the vectors of 4 passages" in printed
    assert f"Set qdrant_url to {url} now." in printed
    for place in places:
        with Library(place.model_copy(update={"qdrant_url": url}), fake_encoder) as library:
            assert library.check() == []
            assert library.collection.documents.generation == 1  # nothing was made anew
            assert library.search("Where does tea come from?")[0].passage.title == "tea"
    printed = isthmus("migrate", "--to", "folder", ISTHMUS_QDRANT_URL=url)
    assert "Unset qdrant_url now." in printed
    for place in places:
        with Library(place, fake_encoder) as library:
            assert library.check() == []
            assert library.collection.documents.generation == 2


def test_mistakes_are_one_sentence(isthmus, url, free_port):
    assert "Name the Qdrant server to go to with --url." in isthmus("migrate", "--to", "qdrant", code=2)
    on_it = isthmus("migrate", "--to", "qdrant", "--url", url, code=2, ISTHMUS_QDRANT_URL=url)
    assert "The vectors are on that server; qdrant_url names it." in on_it
    assert "The vectors are in no Qdrant server" in isthmus("migrate", "--to", "folder", code=2)
    assert "Set documents_url (ISTHMUS_DOCUMENTS_URL)" in isthmus("migrate", "--to", "postgresql", code=2)
    nowhere = f"http://127.0.0.1:{free_port}"
    assert "No Qdrant server answers at" in isthmus("migrate", "--to", "qdrant", "--url", nowhere, code=2)


@pytest.mark.slow
def test_documents_go_to_postgresql_and_come_back(settings, fake_encoder, isthmus, url, postgresql):
    database = postgresql.new_database()
    places = [settings, settings.model_copy(update={"library": settings.library / "collections" / ("0" * 32)})]
    remote = [load_settings(place, qdrant_url=url, documents_url=database) for place in places]
    servers = {"ISTHMUS_QDRANT_URL": url, "ISTHMUS_DOCUMENTS_URL": database}
    for place in places:
        with Library(place, fake_encoder) as library:
            library.add_texts([("tea.txt", "Tea comes from China."), ("coffee.txt", "Coffee comes from Ethiopia.")])
    isthmus("migrate", "--to", "qdrant", "--url", url)
    assert "run `isthmus migrate --to postgresql`" in isthmus("list", code=2, **servers)
    assert "copied the documents of 4 passages, and checked them" in isthmus("migrate", "--to", "postgresql", **servers)
    assert "copied the documents of 0 passages" in isthmus("migrate", "--to", "postgresql", **servers)
    assert "set documents_url" in isthmus("list", code=2)
    assert "coffee.txt" in isthmus("list", **servers)
    assert "The documents are in PostgreSQL" in isthmus("backup", settings.library.parent / "a.tar", code=2)
    assert "Unset documents_url, restore" in isthmus("restore", settings.library.parent / "a.tar", code=2, **servers)
    for place in remote:
        with Library(place, fake_encoder) as library:
            assert library.check() == []
            assert library.collection.documents.generation == 1  # nothing was made anew
            library.remove(["coffee.txt"])
            assert library.search("Where does tea come from?")[0].passage.title == "tea"
    printed = isthmus("migrate", "--to", "folder", **servers)
    assert "copied the documents of 2 passages, and checked them" in printed
    assert "Unset documents_url now." in printed
    assert "Unset qdrant_url now." in isthmus("migrate", "--to", "folder", ISTHMUS_QDRANT_URL=url)
    for place in places:
        with Library(place, fake_encoder) as library:
            assert library.check() == []
            assert [document.title for document in library.documents()] == ["tea"]
            assert library.collection.documents.generation == 2

"""The command `isthmus migrate`, over HTTP."""

import pytest
from qdrant_client import QdrantClient

from rag.documents.library import Library
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
    nowhere = f"http://127.0.0.1:{free_port}"
    assert "No Qdrant server answers at" in isthmus("migrate", "--to", "qdrant", "--url", nowhere, code=2)

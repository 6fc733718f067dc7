"""Whole libraries with vectors in Qdrant: hits, recovery, what a server that fails means."""

import json
import subprocess
import sys

import pytest
from fastapi.responses import JSONResponse
from qdrant_client import QdrantClient

from rag.documents.library import Library
from retriever.errors import IsthmusError, StoreServerError
from retriever.store.collection import Collection
from retriever.store.documents import DocumentDatabase, sqlite_documents
from retriever.store.qdrant_server import connect
from tests.conftest import ROOT, unused_port
from tests.qdrant_rest import qdrant_app, running

TEXTS = [
    ("tea.txt", "Tea comes from China. It is drunk hot."),
    ("coffee.txt", "Coffee comes from Ethiopia. Vienna drinks much of it."),
    ("cocoa.txt", "Kakao kommt aus Mexiko. Er wird mit Milch getrunken."),
]


@pytest.fixture
def remote(settings):
    """Settings with a Qdrant server over HTTP."""
    with running(qdrant_app(QdrantClient(":memory:")), unused_port()) as url:
        yield settings.model_copy(update={"qdrant_url": url})


def names(server):
    return {collection.name for collection in server.client.get_collections().collections}


def mark_unclean(folder):
    store = sqlite_documents(folder)
    store.clean_shutdown = False
    store.close()


def test_a_collection_is_written_replaced_and_removed(tmp_path, fake_encoder, no_encoder, make_document, server):
    collection = Collection(tmp_path, fake_encoder, qdrant=server)
    collection.write(*make_document("tea", "Tea comes from China.", "It is drunk hot."))
    collection.write(*make_document("coffee", "Coffee comes from Ethiopia."))
    assert collection.nearest(fake_encoder.encode_queries(["tea from China"])[0], 1)[0][0] == "tea-0"
    document, passages = make_document("tea2", "Tea comes from India.")
    collection.write(document, passages, replaced=["tea"])
    assert collection.vectors.ids() == collection.tokens.ids() == {"tea2-0", "coffee-0"}
    collection.remove(["coffee"])
    assert collection.faults() == []
    collection.close()
    assert not {"vectors", "tokens.sqlite", "vectors.seal", "tokens.seal"} & {path.name for path in tmp_path.iterdir()}
    again = Collection(tmp_path, no_encoder, qdrant=server)
    assert again.faults() == []
    again.close()


def test_an_unclean_shutdown_copies_the_vectors_and_keeps_the_token_vectors(
    tmp_path, fake_encoder, no_encoder, make_document, server
):
    collection = Collection(tmp_path, fake_encoder, qdrant=server)
    collection.write(*make_document("tea", "Tea comes from China."))
    # As a kill between the vectors of a document and its rows leaves them.
    collection.vectors.add([("lost-0", "lost", "en")], fake_encoder.encode_passages(["Lost."]))
    collection.tokens.add({"lost-0": fake_encoder.encode_passage_tokens(["Lost."])[1][0]})
    collection.close()
    mark_unclean(tmp_path)
    recovered = Collection(tmp_path, no_encoder, qdrant=server)
    assert recovered.faults() == []
    id_ = recovered.documents.library_id
    assert names(server) == {f"isthmus-{id_}-1", f"isthmus-tokens-{id_}"}
    recovered.close()


def test_a_setting_that_comes_and_goes_never_finds_old_vectors(tmp_path, fake_encoder, make_document, server):
    """Each place has its own copy; a document that changes meanwhile keeps the number of passages."""
    for round_, qdrant in enumerate([None, server, None, server, server]):
        collection = Collection(tmp_path, fake_encoder, qdrant=qdrant)
        document, passages = make_document(f"d{round_}", f"Fact number {round_}.")
        collection.write(document, passages, replaced=[f"d{round_ - 1}"] if round_ else [])
        assert collection.faults() == []
        collection.close()


@pytest.mark.parametrize("was_there", [True, False])
def test_two_libraries_and_a_copy_leave_each_other_alone(tmp_path, fake_encoder, make_document, server, was_there):
    folders = [tmp_path / name for name in ("one", "two", "copied")]
    for folder in folders[:2]:
        folder.mkdir()
        collection = Collection(folder, fake_encoder, qdrant=server if was_there else None)
        collection.write(*make_document("tea", "Tea comes from China."))
        collection.close()
    subprocess.run(["cp", "-r", folders[0], folders[2]], check=True)
    for folder in folders:
        mark_unclean(folder)
    opened = [Collection(folder, fake_encoder, qdrant=server) for folder in folders]
    assert len({collection.documents.library_id for collection in opened}) == 3
    opened[0].remove(["tea"])
    opened[2].write(*make_document("milk", "Milk comes from cows."))
    assert [collection.faults() for collection in opened] == [[], [], []]
    for collection in opened:
        collection.close()


def test_a_library_of_an_earlier_version_leaves_no_collection_of_its_old_name(
    tmp_path, fake_encoder, make_document, server
):
    collection = Collection(tmp_path, fake_encoder)
    collection.write(*make_document("tea", "Tea comes from China."))
    assert isinstance(collection.documents, DocumentDatabase)
    with collection.documents._database.writing() as connection:
        connection.exec_driver_sql("UPDATE library SET collection = 'passages-0'")
    collection.close()
    moved = Collection(tmp_path, fake_encoder, qdrant=server)
    assert moved.faults() == []
    assert not [name for name in names(server) if name.startswith("passages")]
    moved.close()


def test_the_setting_takes_a_library_to_the_server(remote, fake_encoder):
    with Library(remote, fake_encoder) as library:
        library.add_texts(TEXTS)
        assert library.search("Where does coffee come from?")[0].passage.title == "coffee"
        library.remove(["coffee.txt"])
        assert library.check() == []
    assert not (remote.library / "vectors").exists()
    with Library(remote, fake_encoder) as library:
        assert len(library.documents()) == 2
        assert library.check() == []


def test_a_server_that_dies_is_one_sentence_and_nothing_is_lost(settings, fake_encoder):
    port, stored = unused_port(), QdrantClient(":memory:")
    remote = settings.model_copy(update={"qdrant_url": f"http://127.0.0.1:{port}"})
    gone = rf"The Qdrant server at http://127\.0\.0\.1:{port} does not answer any more"
    with running(qdrant_app(stored), port):
        library = Library(remote, fake_encoder)
        library.add_texts(TEXTS)
    with pytest.raises(IsthmusError, match=gone + ": milk.txt was not added, what came before it is kept; start it"):
        library.add_texts([("milk.txt", "Milk comes from cows.")])
    with pytest.raises(StoreServerError, match=gone + r" \(.*\); start it again\."):
        library.search("Where does tea come from?")
    library.close()
    with pytest.raises(IsthmusError, match=rf"No Qdrant server answers at http://127\.0\.0\.1:{port} \(.*unset qdrant"):
        Library(remote, fake_encoder)
    with running(qdrant_app(stored), port), Library(remote, fake_encoder) as library:
        assert len(library.documents()) == 3
        assert library.check() == []
        assert library.search("Where does tea come from?")[0].passage.title == "tea"


def test_a_server_that_fails_is_one_sentence(settings, fake_encoder):
    app = qdrant_app(QdrantClient(":memory:"))
    is_full: list[bool] = []

    @app.middleware("http")
    async def fail(request, answer):
        if is_full and request.method == "PUT":
            return JSONResponse({"status": {"error": "No space left"}}, 500)
        return await answer(request)

    with running(app, unused_port()) as url:
        with Library(settings.model_copy(update={"qdrant_url": url}), fake_encoder) as library:
            library.add_texts(TEXTS[:1])
            is_full.append(True)
            with pytest.raises(
                IsthmusError, match=rf"The Qdrant server at {url} answers with an error: coffee\.txt was"
            ):
                library.add_texts(TEXTS[1:])
            assert library.search("Where does tea come from?")[0].passage.title == "tea"
            is_full.clear()
        with Library(settings.model_copy(update={"qdrant_url": url}), fake_encoder) as library:
            assert library.check() == []


def test_keys_and_old_servers(settings, fake_encoder, free_port):
    with running(qdrant_app(QdrantClient(":memory:"), "the-key"), unused_port()) as url:
        for key in (None, "another"):
            with pytest.raises(
                IsthmusError, match=f"The Qdrant server at {url} refuses the key; correct qdrant_api_key"
            ):
                connect(url, key)
        with pytest.warns(UserWarning, match="insecure"):
            connect(url, "the-key").close()
    with (
        running(qdrant_app(QdrantClient(":memory:"), version="1.17.4"), unused_port()) as url,
        pytest.raises(IsthmusError, match=f"The Qdrant server at {url} is 1.17.4; update it to 1.18 or newer"),
    ):
        connect(url)
    with pytest.raises(IsthmusError, match=f"No Qdrant server answers at http://127.0.0.1:{free_port} "):
        connect(f"http://me:secret@127.0.0.1:{free_port}")


def test_a_client_that_is_not_installed_is_one_sentence(settings, fake_encoder, monkeypatch):
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    monkeypatch.delitem(sys.modules, "retriever.store.qdrant_server", raising=False)
    with pytest.raises(IsthmusError, match=r"run `pip install 'isthmus\[cluster\]'`"):
        Library(settings.model_copy(update={"qdrant_url": "http://127.0.0.1:6333"}), fake_encoder)


def test_the_client_is_imported_only_where_it_is_used():
    program = (
        "import sys, json, rag, ui.cli, rag.documents.library, retriever.store.collection; "
        "print(json.dumps([name for name in sys.modules if name.startswith('qdrant')]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout) == []

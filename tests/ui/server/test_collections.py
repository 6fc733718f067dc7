"""Several libraries in one server."""

import threading
import time

import pytest

from tests.ui.server.conftest import TEXTS, QuotingEngine
from tests.ui.server.test_rest import add
from ui.state.access import OWNER
from ui.state.collections import Collections

NAME = "Ajutor – помощь – सहायता"


@pytest.fixture
def collection(server):
    """An empty collection; gone afterwards."""
    assert server.http.post("/v1/collections", json={"name": NAME, "settings": {"top_k": 1}}).status_code == 201
    yield NAME
    server.http.delete(f"/v1/collections/{NAME}")


def names(server):
    return [info["name"] for info in server.http.get("/v1/collections").json()]


def test_documents_of_one_collection_are_in_no_other(server, collection):
    add(server, "secret.txt", "The vault opens with XQ-7351.", collection=collection)
    for query in ("The vault opens with", "XQ-7351", "secret"):
        hits = server.http.post("/v1/search", json={"query": query, "k": 50}).json()
        assert not [hit for hit in hits if "vault" in hit["hit"]["passage"]["text"]]
    (hit,) = server.http.post("/v1/search", json={"query": "vault", "collection": collection}).json()
    id_, document = hit["hit"]["passage"]["id"], hit["hit"]["passage"]["document_id"]
    assert "collection=Ajutor" in hit["url"]
    assert "XQ-7351" in server.http.get(hit["url"]).text
    assert server.http.get(f"/sources/{document}", params={"passage": id_}).status_code == 404
    assert server.http.get(f"/v1/passages/{id_}").status_code == 404
    assert server.http.delete(f"/v1/documents/{document}").status_code == 404
    assert server.http.get("/v1/documents", params={"collection": collection}).json()[0]["id"] == document


def test_a_collection_has_settings_of_its_own(server, collection):
    add(server, "one.txt", "One bridge.", collection=collection)
    add(server, "two.txt", "Two bridges.", collection=collection)
    with server.collections.of(OWNER).use(collection) as rag:
        assert len(rag.search("bridge")) == 1
    bad = server.http.post("/v1/collections", json={"name": "x", "settings": {"endpoint": "http://attacker.example"}})
    assert bad.status_code == 400
    assert "no own setting 'endpoint'" in bad.json()["error"]["message"]
    bad = server.http.post("/v1/collections", json={"name": "x", "settings": {"top_k": 0}})
    assert "'top_k'" in bad.json()["error"]["message"]
    assert names(server) == ["library", NAME]


def test_a_collection_is_renamed_emptied_and_deleted_for_good(server, collection):
    add(server, "secret.txt", "The vault opens with XQ-7351.", collection=collection)
    renamed = server.http.patch(f"/v1/collections/{collection}", json={"name": "Hilfe"}).json()
    assert (renamed["name"], renamed["documents"], renamed["languages"]) == ("Hilfe", 1, {"en": 1})
    assert names(server) == ["library", "Hilfe"]
    assert server.http.delete("/v1/collections/Hilfe/documents").json()["documents"] == 0
    add(server, "secret.txt", "The vault opens with XQ-7351.", collection="Hilfe")
    assert server.http.delete("/v1/collections/Hilfe").status_code == 204
    assert names(server) == ["library"]
    folder = server.collections.library.settings.library
    assert not list((folder / "collections").iterdir())
    assert not [file for file in folder.rglob("*") if file.is_file() and b"XQ-7351" in file.read_bytes()]


@pytest.mark.parametrize("name", ["", " ", "a/b", "x" * 81, "a\u202eb", "a\nb" * 40])
def test_an_unfit_name_is_refused(server, name):
    assert "1 to 80 characters" in server.http.post("/v1/collections", json={"name": name}).json()["error"]["message"]


def test_a_name_is_taken_once_in_whatever_form_of_unicode(server):
    server.http.post("/v1/collections", json={"name": "Zu\u0308rich"})
    taken = server.http.post("/v1/collections", json={"name": "Z\u00fcrich"})
    assert taken.status_code == 400
    assert "'Zürich' already" in taken.json()["error"]["message"]
    assert "already" in server.http.post("/v1/collections", json={"name": "library"}).json()["error"]["message"]
    server.http.delete("/v1/collections/Z\u00fcrich")


def test_the_library_itself_stays(server):
    assert server.http.delete("/v1/collections/library").status_code == 400
    assert server.http.patch("/v1/collections/library", json={"name": "x"}).status_code == 400
    assert "library" in names(server)


def test_a_collection_is_not_deleted_under_an_answer(server, collection):
    add(server, "bridge.txt", TEXTS["bridge.txt"], collection=collection)
    server.engine.paused.clear()
    body = {"question": "When was the Golden Gate Bridge opened?", "collection": collection}
    answers = []
    asking = threading.Thread(target=lambda: answers.append(server.http.post("/v1/ask", json=body).json()))
    asking.start()
    while not server.collections._users.total():
        time.sleep(0.01)
    deleting = threading.Thread(target=server.http.delete, args=(f"/v1/collections/{collection}",))
    deleting.start()
    while names(server) != ["library"]:
        time.sleep(0.01)
    assert server.http.post("/v1/ask", json=body).status_code == 404
    server.engine.paused.set()
    asking.join()
    deleting.join()
    assert "1937" in answers[0]["text"]
    assert names(server) == ["library"]


def test_collections_are_there_after_a_restart(settings, fake_encoder):
    with Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as first:
        first.of(OWNER).create("Ayuda", {"grounding": "flag"})
        with first.of(OWNER).use("Ayuda") as rag:
            rag.library.add_texts([("bridge.txt", TEXTS["bridge.txt"])])
    with Collections(settings, encoder=fake_encoder, engine=QuotingEngine()) as second:
        view = second.of(OWNER)
        assert view.names() == ["library", "Ayuda"]
        assert view.info("Ayuda").settings == {"grounding": "flag"}
        with view.use("Ayuda") as rag:
            assert rag.settings.grounding == "flag"
            assert "1937" in rag.ask("When was the Golden Gate Bridge opened?").text

"""REST, as curl and scripts use it."""

import json
import threading
import time

import httpx
import pytest

from rag.errors import GeneratorError, GeneratorOverloadError
from rag.types import Answer
from tests.ui.server.conftest import TEXTS

QUESTION = "When was the Golden Gate Bridge opened?"


def ask(server, **body):
    return server.http.post("/v1/ask", json={"question": QUESTION, **body})


def add(server, name, text, **form):
    """Upload a file, and wait for its job."""
    started = server.http.post("/v1/documents", files=[("files", (name, text.encode()))], data=form)
    assert started.status_code == 202, started.text
    while (job := server.http.get(started.headers["Location"]).json())["status"] in ("waiting", "running"):
        time.sleep(0.01)
    return job


def test_an_answer_is_that_of_the_python_api(server):
    body = ask(server).json()
    answer = server.collections.library.ask(QUESTION)
    assert (body["text"], body["language"], body["abstained"]) == (answer.text, "en", False)
    (citation,) = [citation for citation in body["citations"] if citation["used"]]
    assert citation["quote"] == answer.citations[0].quote == TEXTS["bridge.txt"]
    assert citation["passage"]["title"] == "bridge"


def test_the_language_of_the_answer_can_be_named(server):
    assert ask(server, language="xx").json()["error"]["message"].startswith("'xx'")
    assert ask(server, language="en").json()["language"] == "en"


def test_the_languages_that_a_client_prefers_are_likely(server, monkeypatch):
    likely = []

    def detect(text, tags=()):
        likely.append(list(tags))
        return "en"

    monkeypatch.setattr("rag.pipeline.detect_language", detect)
    preferred = {"Accept-Language": "en;q=0.5, ro-RO, much;q=x"}
    chat = {"model": "library", "messages": [{"role": "user", "content": QUESTION}]}
    assert server.http.post("/v1/ask", json={"question": QUESTION}, headers=preferred).is_success
    assert server.http.post("/v1/chat/completions", json=chat, headers=preferred).is_success
    assert ask(server, likely_languages=["uk"]).is_success
    assert ask(server).is_success
    assert likely == [["ro", "en"], ["ro", "en"], ["uk"], []]


def test_a_citation_opens_its_passage_with_the_evidence_marked(server):
    citation = ask(server).json()["citations"][0]
    assert citation["url"].startswith(f"{server.url}/sources/")
    page = server.http.get(citation["url"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert f"<mark>{TEXTS['bridge.txt']}</mark>" in page.text


def test_markup_in_a_document_is_text_where_its_source_is_shown(server):
    add(server, "markup.txt", "<script>alert(1)</script> Zebras are striped & <b>bold</b>.")
    (hit, *_) = server.http.post("/v1/search", json={"query": "Zebras are striped"}).json()
    assert "Zebras" in hit["hit"]["passage"]["text"]
    page = server.http.get(hit["url"], params={"start": 0, "end": 8}).text
    assert "<script>" not in page
    assert "<b>bold" not in page
    server.http.delete(f"/v1/documents/{hit['hit']['passage']['document_id']}")


def test_a_passage_of_another_document_is_not_shown(server):
    first, second = server.http.post("/v1/search", json={"query": QUESTION, "k": 2}).json()
    stranger = server.http.get(
        f"/sources/{first['hit']['passage']['document_id']}", params={"passage": second["hit"]["passage"]["id"]}
    )
    assert stranger.status_code == 404


def events(server, **body):
    """The events of a streamed answer as (name, data)."""
    names, data = [], []
    with server.http.stream("POST", "/v1/ask", json={"question": QUESTION, "stream": True, **body}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("event:"):
                names.append(line.removeprefix("event:").strip())
            elif line.startswith("data:"):
                data.append(json.loads(line.removeprefix("data:")))
    return list(zip(names, data, strict=True))


def test_a_stream_sends_progress_then_the_checked_answer(server):
    *progress, (name, answer) = events(server)
    assert {kind for kind, _ in progress} == {"progress"}
    assert not any("text" in data for _, data in progress)
    assert name == "answer"
    assert answer["text"] == ask(server).json()["text"]


def test_a_stream_ends_with_the_error(server):
    assert events(server, collection="none")[-1][1]["error"]["type"] == "NotFoundError"
    server.engine.error = GeneratorError("The generator is gone; start it again.")
    assert events(server)[-1] == (
        "error",
        {"error": {"message": "The generator is gone; start it again.", "type": "GeneratorError"}},
    )
    server.engine.error = None


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"question": ""}, 400, "The question is empty"),
        ({"question": "x" * 2001}, 400, "at most 2000"),
        ({"question": "x", "collection": "none"}, 404, "No collection is called 'none'; there are: library"),
        ({"question": "x", "as_of": "yesterday"}, 400, "yesterday"),
        ({"question": "x", "langauge": "ro"}, 422, "body.langauge"),
        ({"question": 7}, 422, "body.question"),
        ({"question": "x", "history": [{"role": "king", "text": "x"}]}, 422, "body.history.0"),
    ],
)
def test_a_bad_question_gets_one_sentence(server, body, status, words):
    response = server.http.post("/v1/ask", json=body)
    assert (response.status_code, words in response.json()["error"]["message"]) == (status, True)


def test_a_generator_that_fails_is_a_bad_gateway(server):
    server.engine.error = GeneratorError("The generator is gone; start it again.")
    response = ask(server)
    server.engine.error = None
    assert response.status_code == 502
    assert response.json()["error"]["message"] == "The generator is gone; start it again."


def test_an_overloaded_generator_is_asked_again_later(server):
    server.engine.error = GeneratorOverloadError("The generator is overloaded; ask again in a moment.")
    response = ask(server)
    server.engine.error = None
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json()["error"] == {
        "message": "The generator is overloaded; ask again in a moment.",
        "type": "GeneratorOverloadError",
    }


def test_unknown_paths_and_methods_get_one_sentence(server):
    assert "There is no such route" in server.http.delete("/v1/ask").json()["error"]["message"]
    assert server.http.get("/v1/none").status_code == 404
    assert server.http.get("/v1/jobs/none").status_code == 404
    assert server.http.get("/v1/passages/none").status_code == 404


def test_documents_are_added_listed_found_and_removed(server):
    job = add(server, "notes/zürich.txt", "Zürich lies on the Limmat.")
    assert (job["status"], job["done"], job["results"][0]["status"]) == ("done", 1, "added")
    (document,) = [d for d in server.http.get("/v1/documents").json() if d["source"] == "notes/zürich.txt"]
    (hit, *_) = server.http.post("/v1/search", json={"query": "Limmat", "k": 1}).json()
    assert hit["hit"]["passage"]["document_id"] == document["id"]
    assert server.http.get(f"/v1/passages/{hit['hit']['passage']['id']}").json()["text"] == "Zürich lies on the Limmat."
    assert server.http.delete(f"/v1/documents/{document['id']}").json()[0]["id"] == document["id"]
    assert server.http.delete(f"/v1/documents/{document['id']}").status_code == 404


def test_a_file_of_the_same_name_stands_beside_unless_it_replaces(server):
    add(server, "same.txt", "One.")
    assert add(server, "same.txt", "Two.")["results"][0]["status"] == "added"
    assert add(server, "same.txt", "Three.", replace="true")["results"][0]["status"] == "replaced"
    sources = [d["source"] for d in server.http.get("/v1/documents").json() if d["source"].startswith("same")]
    assert sorted(sources) == ["same (2).txt", "same.txt"]
    server.collections.library.remove(*sources)


def test_a_file_that_cannot_be_read_fails_alone(server):
    files = [("files", ("bad.pdf", b"no PDF")), ("files", ("good.txt", b"Good words."))]
    location = server.http.post("/v1/documents", files=files).headers["Location"]
    while (job := server.http.get(location).json())["status"] in ("waiting", "running"):
        time.sleep(0.01)
    assert [result["status"] for result in job["results"]] == ["failed", "added"]
    assert "bad.pdf" in job["results"][0]["reason"]
    server.collections.library.remove("good.txt")


def test_uploads_are_gone_once_they_are_taken_in(server):
    add(server, "gone.txt", "Gone.")
    [uploads] = server.collections.library.settings.library.glob("uploads/*/files")
    assert not [file for file in uploads.rglob("*") if file.is_file()]
    server.collections.library.remove("gone.txt")


def test_an_upload_to_no_collection_leaves_nothing(server):
    response = server.http.post("/v1/documents", files=[("files", ("x.txt", b"Words."))], data={"collection": "none"})
    assert response.status_code == 404
    [uploads] = server.collections.library.settings.library.glob("uploads/*/files")
    assert not [file for file in uploads.rglob("*") if file.is_file()]


def test_an_upload_that_is_too_large_is_refused_before_it_is_read(server):
    response = server.http.post("/v1/documents", files=[("files", ("big.txt", b"x" * 4_000_000))])
    assert response.status_code == 413


def test_a_foreign_site_reaches_no_route(server):
    for path in ("/v1/ask", "/v1/chat/completions", "/mcp", "/retrieval"):
        assert server.http.post(path, json={}, headers={"Origin": "https://attacker.example"}).status_code == 403
        assert server.http.post(path, json={}, headers={"Host": "attacker.example"}).status_code == 403


def test_health(server):
    assert server.http.get("/healthz").json() == {"status": "ok"}
    assert server.http.get("/readyz").json() == {"status": "ok"}


def test_the_description_names_every_route(server):
    paths = server.http.get("/openapi.json").json()["paths"]
    assert {"/v1/ask", "/v1/search", "/v1/documents", "/v1/collections", "/retrieval", "/healthz"} <= paths.keys()


def test_the_page_is_there_too(server):
    assert "Isthmus" in server.http.get("/").text


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_ends_its_answer(server, monkeypatch, stream):
    closed = threading.Event()

    def endless(*_, **__):
        try:
            while True:
                yield Answer("", "en", final=False)
                time.sleep(0.05)
        finally:
            closed.set()

    monkeypatch.setattr(server.collections.library, "stream", endless)
    body = {"question": QUESTION, "stream": stream}
    with httpx.Client(base_url=server.url, trust_env=False, timeout=1) as client:
        if stream:
            with client.stream("POST", "/v1/ask", json=body) as response:
                assert response.status_code == 200
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v1/ask", json=body)
    assert closed.wait(10)


def test_counters_are_off_unless_they_are_wanted(server):
    assert "set metrics = true" in server.http.get("/metrics").json()["error"]["message"]

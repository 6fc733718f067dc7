"""What strangers' sites, damaged text and too much of everything get from the page, by real HTTP requests."""

import contextlib
import json
import os
import threading
import time

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from rag.pipeline import MAX_QUESTION
from rag.settings import load_settings
from retriever.errors import IsthmusError
from retriever.types import Document
from tests.conftest import ScriptedEngine, serving, unused_port
from ui.answering.answering import Answering
from ui.page import app as page_app
from ui.page.evaluation_tab import run_evaluation
from ui.page.uploads import MAX_AGE, Uploads, open_uploads
from ui.server import app as server_app
from ui.server.address import Address
from ui.server.app import launch
from ui.server.guard import MAX_REQUEST, Guard
from ui.state.collections import Collections
from ui.state.types import LIBRARY

pytestmark = pytest.mark.timeout(120)

MAX_FILE_MB = 1
MAX_UPLOADS = 3_000_000


class Page:
    """A page that is being served, as a browser's requests reach it."""

    def __init__(self, address: Address, collections: Collections, uploads: Uploads) -> None:
        self.address = address
        self.collections = collections
        self.rag = collections.library
        self.uploads = uploads
        self.http = httpx.Client(base_url=address.url, trust_env=False, timeout=30)

    def upload(self, name: str, data: bytes, **headers: str) -> httpx.Response:
        return self.http.post("/gradio_api/upload", files=[("files", (name, data))], headers=headers)

    def join(self, element: str, kind: str, *data: object) -> dict[str, object]:
        """Set off an event; returns what names it."""
        config = self.http.get("/config").json()
        ids = [part["id"] for part in config["components"] if part["props"].get("elem_id") == element]
        function = next(event for event in config["dependencies"] if [ids[0], kind] in event["targets"])["id"]
        return self.join_function(function, *data)

    def join_function(self, function: int, *data: object) -> dict[str, object]:
        session = f"session{time.monotonic_ns()}"
        body = json.dumps({"data": data, "fn_index": function, "session_hash": session})
        joined = self.http.post("/gradio_api/queue/join", content=body, headers={"Content-Type": "application/json"})
        assert joined.status_code == 200, joined.text
        return {"session_hash": session, "fn_index": function, "event_id": joined.json()["event_id"]}

    def messages(self, event: dict[str, object]) -> list[dict[str, object]]:
        """Everything the page sends back for an event."""
        messages = []
        with self.http.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": str(event["session_hash"])}
        ) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    messages.append(json.loads(line.removeprefix("data:")))
                    if messages[-1]["msg"] in ("process_completed", "close_stream"):
                        return messages
        return messages

    def event(self, element: str, kind: str, *data: object) -> list[dict[str, object]]:
        return self.messages(self.join(element, kind, *data))

    def last_output(self, element: str, kind: str, *data: object) -> str:
        return json.dumps(self.event(element, kind, *data)[-1]["output"], ensure_ascii=False)


@contextlib.contextmanager
def serve(address: Address, collections: Collections):
    with serving(collections, address, MAX_UPLOADS) as uploads:
        yield Page(address, collections, uploads)


@pytest.fixture(scope="module")
def page(tmp_path_factory, fake_encoder):
    library = tmp_path_factory.mktemp("page") / "library"
    settings = load_settings(library=library, sample=False, max_file_mb=MAX_FILE_MB)
    with (
        Collections(settings, encoder=fake_encoder, engine=ScriptedEngine()) as collections,
        serve(Address("127.0.0.1", unused_port()), collections) as served,
    ):
        yield served


# Who may speak to the page.


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"])
def test_the_pages_own_names_are_answered(page, host):
    assert page.http.get("/config", headers={"Host": f"{host}:{page.address.port}"}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example:{port}",
        "127.0.0.1.attacker.example:{port}",
        "attacker@127.0.0.1:{port}",
        "127.0.0.1:{port}/",
        "192.168.1.5:{port}",
        "",
        "[::1",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/config"), ("POST", "/gradio_api/queue/join"), ("POST", "/gradio_api/upload"),
     ("OPTIONS", "/gradio_api/upload"), ("GET", "/gradio_api/heartbeat/abc")],
)  # fmt: skip
def test_another_host_is_refused(page, host, method, path):
    answer = page.http.request(method, path, headers={"Host": host.format(port=page.address.port)})
    assert (answer.status_code, answer.text.count(".\n")) == (403, 1)
    assert answer.text == f"The page does not answer to that name; open {page.address.url}.\n"


@pytest.mark.parametrize("origin", ["http://attacker.example", "null", "http://localhost:1", "https://127.0.0.1"])
def test_another_origin_neither_uploads_nor_asks_nor_reads(page, origin):
    join = {"data": [["x"]], "fn_index": 0, "session_hash": "stranger"}
    answers = [
        page.upload("stranger.txt", b"Planted.", Origin=origin),
        page.http.post("/gradio_api/queue/join", json=join, headers={"Origin": origin}),
        page.http.post("/gradio_api/cancel", json=join, headers={"Origin": origin}),
        page.http.get("/config", headers={"Origin": origin}),
        page.http.options("/gradio_api/upload", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}),
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert answer.text == f"The page does not answer to other sites; open {page.address.url} itself.\n"
        assert "access-control-allow-origin" not in answer.headers
    assert not list(page.uploads.folder.iterdir())


def test_a_tunnel_may_have_another_port(page):
    headers = {"Host": "localhost:9000", "Origin": "http://localhost:9000", "Sec-Fetch-Site": "same-origin"}
    assert page.http.get("/config", headers=headers).status_code == 200


def test_a_proxy_is_known_by_the_public_url_alone(tmp_path):
    address = Address("127.0.0.1", 7860, "https://help.example")
    page = TestClient(Guard(PlainTextResponse("The page."), address, Uploads(tmp_path, tmp_path / "jobs", MAX_UPLOADS)))
    own = {"Host": "help.example", "Origin": "https://help.example", "Sec-Fetch-Site": "same-origin"}
    assert page.get("/config", headers=own).status_code == 200
    assert page.get("/config", headers={**own, "Origin": "http://help.example"}).status_code == 403
    assert page.get("/config", headers={**own, "Host": "other.example"}).status_code == 403


def test_the_pages_own_origin_is_answered(page):
    origin = page.address.url
    assert page.http.get("/config", headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("relation", ["cross-site", "same-site"])
def test_another_site_may_link_to_the_page_and_no_more(page, relation):
    link = {"Sec-Fetch-Site": relation, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert page.http.get("/", headers=link).status_code == 200
    assert page.http.get("/config", headers={**link, "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert page.http.get("/", headers={**link, "Sec-Fetch-Dest": "iframe"}).status_code == 403
    assert page.http.post("/login", headers=link).status_code == 403


@pytest.mark.parametrize("path", ["/", "/config", "/theme.css", "/no-such-page", "/gradio_api/file=/etc/hostname"])
def test_every_answer_has_the_headers(page, path):
    headers = page.http.get(path).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in headers["Content-Security-Policy"].split("script-src")[1]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_policy_allows_the_scripts_of_the_page_alone(page):
    policies = [page.http.get(path).headers["Content-Security-Policy"].count("'sha256-") for path in ("/", "/config")]
    assert policies[0] > policies[1] == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "", "this-machine.example"])
def test_a_host_that_others_reach_needs_the_setting(host, tmp_path):
    with pytest.raises(IsthmusError, match="open_to_network = true"):
        launch(load_settings(host=host, library=tmp_path / "library"))
    assert not (tmp_path / "library").exists()


def test_a_page_that_is_open_to_the_network_warns(caplog):
    server_app._check_openness(Address("0.0.0.0", 7860), open_to_network=True)
    assert "no login" in caplog.text


def test_a_page_on_every_interface_answers_to_addresses_alone():
    address = Address("0.0.0.0", 7860)
    assert address.origin("192.168.1.5:7860") == "http://192.168.1.5:7860"
    assert address.origin("[fe80::1]:7860") == "http://[fe80::1]:7860"
    assert address.origin("attacker.example:7860") is None
    assert Address("this-machine.example", 80).origin("This-Machine.example") == "http://this-machine.example"


def test_a_port_that_is_taken_is_named_in_one_sentence(page, tmp_path):
    with pytest.raises(IsthmusError, match=f"cannot be opened at 127.0.0.1:{page.address.port} .*--port"):
        launch(load_settings(port=page.address.port, library=tmp_path / "library"))


# Uploads.


def upload_and_add(page, name, text, *, replace=False):
    path = page.upload(name, text.encode()).json()[0]
    data = [{"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}]
    return path, page.last_output("upload", "upload", LIBRARY, data, replace)


def titles(documents: list[Document]) -> list[str]:
    return [document.title for document in documents]


def test_an_upload_is_gone_once_it_is_taken_in_and_never_served(page):
    path = page.upload("bridge.txt", b"The bridge was opened in 1937.").json()[0]
    assert page.http.get(f"/gradio_api/file={path}").status_code == 403
    path, report = upload_and_add(page, "bridge.txt", "The bridge was opened in 1937.")
    assert "1 added" in report
    assert titles(page.rag.documents()) == ["bridge"]
    assert not [file for file in page.uploads.folder.rglob("*") if file.stat().st_size]
    assert page.http.get(f"/gradio_api/file={path}").status_code == 403
    page.rag.remove("bridge")
    assert page.http.get(f"/gradio_api/file={path}").status_code == 403


def test_uploads_of_one_name_are_two_documents_unless_the_user_says_replace(page):
    upload_and_add(page, "tower.txt", "The tower was built in 1891.")
    _, beside = upload_and_add(page, "tower.txt", "The tower was built in 1912.")
    assert "1 added" in beside
    assert sorted(titles(page.rag.documents())) == ["tower", "tower (2)"]
    page.rag.remove("tower (2).txt")
    _, replaced = upload_and_add(page, "tower.txt", "The tower was built in 1935.", replace=True)
    assert "1 replaced" in replaced
    assert titles(page.rag.documents()) == ["tower"]
    page.rag.remove("tower")


def test_an_upload_that_fails_is_gone_too(page):
    _, report = upload_and_add(page, "broken.pdf", "This is no PDF.")
    assert "broken.pdf" in report
    assert "1 failed" in report
    assert not [file for file in page.uploads.folder.rglob("*") if file.stat().st_size]


@pytest.mark.parametrize("path", ["/gradio_api/file=https://attacker.example/x", "/gradio_api/file/etc/hostname",
                                  "/gradio_api/proxy=https://attacker.example", "/gradio_api/deep_link"])  # fmt: skip
def test_nothing_is_fetched_for_the_browser(page, path):
    assert page.http.get(path).status_code == 403


def test_too_much_is_refused(page):
    assert page.upload("large.txt", b"a" * (MAX_UPLOADS + 1)).status_code == 413
    assert page.upload("large.txt", b"a" * (MAX_FILE_MB * 1_000_000 + 1)).status_code == 413
    assert page.http.post("/gradio_api/queue/join", content=b" " * (MAX_REQUEST + 1)).status_code == 413
    assert page.http.post("/gradio_api/upload", content=iter([b"no length"])).status_code == 411


def test_uploads_that_nobody_takes_in_do_not_fill_the_disk(page):
    waiting = page.uploads.folder / "waiting"
    waiting.write_bytes(b"a" * MAX_UPLOADS)
    refused = page.upload("small.txt", b"Words.")
    assert (refused.status_code, refused.text) == (503, "Too many uploads wait to be added; try again in a moment.\n")
    os.utime(waiting, (0, time.time() - MAX_AGE - 1))
    assert page.upload("small.txt", b"Words.").status_code == 200
    assert not waiting.exists()


def test_uploads_of_a_killed_page_are_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / "secret.txt").write_text("left behind")
    with open_uploads(folder, 1) as uploads:
        assert not list(uploads.folder.iterdir())
        assert uploads.folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_uploads_of_another_page_stay(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    folder = tmp_path / "uploads"
    with open_uploads(folder, 1) as uploads:
        (uploads.folder / "mine.txt").write_text("Words.")
        with open_uploads(folder, 1) as others:
            assert not list(others.folder.iterdir())
        assert (uploads.folder / "mine.txt").exists()
    assert not folder.exists()


def test_the_queue_is_bounded(page, monkeypatch):
    blocks, _ = page_app.build(page.collections, page.uploads, Answering(page.collections), list)
    assert blocks._queue.max_size == page_app.MAX_WAITING


# Messages.


def test_a_search_has_the_same_limit_as_a_question(page):
    report = page.last_output("search", "submit", LIBRARY, "é" * (MAX_QUESTION + 1))
    assert f"The query has {MAX_QUESTION + 1} characters; at most {MAX_QUESTION} are allowed." in report


def test_lone_surrogates_become_replacement_characters(page):
    asked = page.last_output("question", "submit", "What is \ud800 this?", [])
    assert "What is \ufffd this?" in asked
    conversation = [{"role": "user", "content": [{"type": "text", "text": "What is \ud800 this?"}]}]
    functions = page.http.get("/config").json()["dependencies"]
    answer = next(function for function in functions if len(function["inputs"]) == 4 and len(function["outputs"]) == 4)
    sent = page.messages(page.join_function(answer["id"], LIBRARY, conversation, "", "auto"))
    assert sent[-1]["success"]
    assert "What is \ufffd this?" in json.dumps(sent, ensure_ascii=False)
    assert "0x" not in json.dumps(sent)
    assert page.event("search", "submit", LIBRARY, "\udfff")[-1]["success"]


def test_an_error_that_nobody_expected_tells_nothing(page, monkeypatch):
    def fail(query: str) -> None:
        raise RuntimeError("key sk-123 at <object object at 0x7f00>")

    monkeypatch.setattr(page.rag, "search", fail)
    sent = json.dumps(page.event("search", "submit", LIBRARY, "Words"))
    assert "process_completed" in sent
    for secret in ("sk-123", "0x7f00", "RuntimeError", "Traceback"):
        assert secret not in sent


# Stop.


class EndlessEngine:
    """An `Engine` that writes until it is closed."""

    label = "endless"
    evidence_tokens = 400
    small = False

    def __init__(self) -> None:
        self.started = threading.Event()
        self.open_streams = 0

    def stream(self, messages, *, max_tokens):
        self.started.set()
        self.open_streams += 1
        try:
            while True:
                yield "word "
                time.sleep(0.01)
        finally:
            self.open_streams -= 1

    def complete(self, prompt, *, max_tokens):
        raise AssertionError

    def answer(self, messages, *, max_tokens):
        raise AssertionError

    def choice_logprobs(self, messages, choices):
        raise AssertionError

    def text_logprob(self, messages, text):
        raise AssertionError

    def close(self):
        pass


@pytest.fixture
def endless(tmp_path, fake_encoder):
    """Collections whose generator writes until it is closed."""
    settings = load_settings(library=tmp_path / "library", sample=False)
    with Collections(settings, encoder=fake_encoder, engine=EndlessEngine()) as collections:
        yield collections


def test_closing_an_evaluation_stops_its_generator_and_threads(endless):
    evaluation = run_evaluation(endless.library, None, "ro", 2)
    while not endless.library.engine.started.is_set():
        assert next(evaluation) is None
    evaluation.close()
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(20)
            assert not thread.is_alive()


def test_the_stop_button_of_the_evaluation_stops_the_generator(endless, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    with serve(Address("127.0.0.1", unused_port()), endless) as page:
        event = page.join("evaluate", "click", None, "ro", 2)
        with page.http.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": str(event["session_hash"])}
        ) as answer:
            assert any("Questions" in line for line in answer.iter_lines())  # the progress bar
            endless.library.engine.started.wait()
            assert page.http.post("/gradio_api/cancel", json=event).json() == {"success": True}
            while endless.library.engine.open_streams:
                time.sleep(0.01)

"""What an operator of a running server sees and does: counters, the log, whose turn it is, stopping it."""

import io
import json
import logging
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from mcp.client import Client

from rag.settings import load_settings
from tests.conftest import unused_port
from tests.ui.server.conftest import TEXTS, QuotingEngine
from ui.answering.answering import Answering
from ui.page.uploads import open_uploads
from ui.server import logs
from ui.server import serving as serving_module
from ui.server.address import Address
from ui.server.app import application
from ui.server.serving import Server
from ui.state.collections import Collections

QUESTION = "When was the Golden Gate Bridge opened?"
MESSAGES = [{"role": "user", "content": QUESTION}]


@pytest.fixture
def counted(server, monkeypatch):
    """The lines of /metrics, as often as it is called."""
    settings = server.collections.library.settings.model_copy(update={"metrics": True})
    monkeypatch.setattr(server.collections.library, "settings", settings)
    return lambda: server.http.get("/metrics").text.splitlines()


def value(lines, name):
    """The value of a series."""
    return float(next((line.split()[-1] for line in lines if line.startswith(f"{name} ")), 0))


async def test_every_way_in_is_counted(server, counted):
    before = counted()
    server.http.post("/v1/ask", json={"question": QUESTION})
    server.http.post("/v1/ask", json={"question": ""})
    server.http.post("/v1/chat/completions", json={"model": "library", "messages": MESSAGES})
    server.http.post("/retrieval", json={"knowledge_id": "library", "query": QUESTION})
    server.http.get("/")
    async with Client(f"{server.url}/mcp") as client:
        await client.call_tool("ask", {"question": QUESTION})
        await client.call_tool("search", {"query": QUESTION})
        await client.call_tool("ask", {"question": QUESTION, "collection": "none"})
    after = counted()

    def more(name):
        return value(after, name) - value(before, name)

    for way in ("rest", "openai", "mcp"):
        assert more(f'isthmus_answers_total{{language="en",refused="false",way="{way}"}}') == 1
        assert more(f'isthmus_answer_seconds_count{{way="{way}"}}') == 1
    for way in ("openai", "dify", "page"):
        assert more(f'isthmus_requests_total{{status="2xx",way="{way}"}}') == 1
    assert more('isthmus_requests_total{status="4xx",way="rest"}') == 1
    assert more('isthmus_requests_total{status="2xx",way="mcp"}') >= 3
    assert more('isthmus_failures_total{kind="IsthmusError",way="rest"}') == 1
    assert more('isthmus_failures_total{kind="NotFoundError",way="mcp"}') == 1
    assert more('isthmus_mcp_calls_total{failed="false",tool="ask"}') == 1
    assert more('isthmus_mcp_calls_total{failed="true",tool="ask"}') == 1
    assert more('isthmus_mcp_calls_total{failed="false",tool="search"}') == 1
    assert more('isthmus_stage_seconds_count{stage="retrieve"}') == 3
    assert not [line for line in after if "Golden" in line]


def test_fifty_questions_of_two_at_once_are_all_answered(server):
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda _: server.http.post("/v1/ask", json={"question": QUESTION}), range(50)))
    assert [reply.status_code for reply in replies] == [200] * 50


@pytest.fixture
def log():
    """What the server logs in JSON meanwhile; the log is as it was afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    logs.configure("json", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    for name in logs.OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_the_json_log_tells_of_requests_and_answers_without_their_words(server, log):
    response = server.http.post(
        "/v1/ask?token=SECRET",
        json={"question": QUESTION},
        headers={"Authorization": "Bearer SECRET", "Cookie": "isthmus_session=SECRET"},
    )
    answer, request = log()
    assert (answer["message"], answer["logger"], answer["level"]) == ("answer", "ui.answering.answering", "INFO")
    assert (answer["way"], answer["language"], answer["refused"]) == ("rest", "en", False)
    assert (request["message"], request["status"], request["way"]) == ("POST /v1/ask", 200, "rest")
    assert answer["request"] == request["request"] == response.headers["X-Request-ID"]
    assert all(line["time"].endswith("+00:00") and line["seconds"] >= 0 for line in (answer, request))
    everything = json.dumps(log())
    assert "SECRET" not in everything
    assert "Golden" not in everything


def test_a_refusal_and_an_error_are_told_apart(server, log):
    server.http.post("/v1/collections", json={"name": "empty"})
    assert server.http.post("/v1/ask", json={"question": QUESTION, "collection": "empty"}).json()["abstained"]
    server.http.post("/v1/ask", json={"question": QUESTION, "collection": "none"})
    lines = [line for line in log() if line["logger"] == "ui.answering.answering"]
    assert [(line["message"], line.get("refused"), line.get("error")) for line in lines] == [
        ("answer", True, None),
        ("no answer", None, "NotFoundError"),
    ]


def test_probes_are_not_logged_and_warnings_of_a_request_name_it(server, log):
    server.http.get("/healthz")
    assert log() == []
    logging.getLogger("somewhere.else").warning("Watch out: %s", "Türkçe")
    (line,) = log()
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "somewhere.else", "Watch out: Türkçe")


def test_words_are_logged_if_that_is_wanted(tmp_path, fake_encoder, log):
    with running(tmp_path, fake_encoder, record_texts=True) as (_, http, _):
        text = http.post("/v1/ask", json={"question": QUESTION}).json()["text"]
    (line,) = [line for line in log() if line["message"] == "answer"]
    assert (line["question"], line["answer"]) == (QUESTION, text)


class running:  # noqa: N801 (a context manager)
    """A server as `isthmus page` runs it, in a thread: (server, client, engine)."""

    def __init__(self, folder, encoder, **settings):
        self.settings = load_settings(library=folder / "library", sample=False, **settings)
        self.encoder = encoder

    def __enter__(self):
        self.engine, address = QuotingEngine(), Address("127.0.0.1", unused_port())
        self.collections = Collections(self.settings, encoder=self.encoder, engine=self.engine)
        self.collections.library.library.add_texts(list(TEXTS.items()))
        self.uploads = open_uploads(self.settings.library / "uploads", 1_000_000)
        answering = Answering(self.collections)
        app = application(self.collections, address, self.uploads.__enter__(), answering)
        self.server = Server(app, answering.queue, address)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [address.bind()]})
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.http = httpx.Client(base_url=address.url, trust_env=False, timeout=30)
        return self.server, self.http, self.engine

    def __exit__(self, *error):
        self.server.should_exit = True
        self.engine.paused.set()
        self.thread.join()
        self.http.close()
        self.uploads.__exit__(None, None, None)
        self.collections.close()


def ask_on_page(http):
    """Ask as a browser does; returns what names the event."""
    config = http.get("/config").json()
    ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
    inputs = [ids[name] for name in ("collection", "conversation", "language", "time")]
    function = next(event for event in config["dependencies"] if event["inputs"] == inputs)["id"]
    session = uuid.uuid4().hex
    data = ["library", [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}], "", "auto"]
    body = {"data": data, "fn_index": function, "session_hash": session}
    event = http.post("/gradio_api/queue/join", json=body).json()["event_id"]
    return {"session_hash": session, "fn_index": function, "event_id": event}


def shown_on_page(http, event):
    """What the page is sent of an event, until it ends."""
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": event["session_hash"]}) as stream:
        for line in stream.iter_lines():
            yield line
            if '"msg": "process_completed"' in line or '"msg":"process_completed"' in line:
                return


def test_the_page_asks_in_the_same_queue_and_is_counted(tmp_path, fake_encoder):
    with running(tmp_path, fake_encoder, metrics=True) as (server, http, engine):
        engine.paused.clear()
        events = [ask_on_page(http) for _ in range(2)]
        while server.queue.running != 2:
            time.sleep(0.01)
        engine.paused.set()
        for event in events:
            assert TEXTS["bridge.txt"] in "".join(shown_on_page(http, event))
        lines = http.get("/metrics").text.splitlines()
        assert value(lines, 'isthmus_answers_total{language="en",refused="false",way="page"}') == 2


def test_the_stop_button_frees_the_turn(tmp_path, fake_encoder, monkeypatch):
    with running(tmp_path, fake_encoder) as (server, http, engine):
        monkeypatch.setattr("ui.answering.answering.answers_at_once", lambda _: 1)
        engine.paused.clear()
        running_event, waiting_event = ask_on_page(http), ask_on_page(http)
        while (server.queue.running, server.queue.waiting) != (1, 1):
            time.sleep(0.01)
        for event, left in ((waiting_event, (1, 0)), (running_event, (0, 0))):
            assert http.post("/gradio_api/cancel", json=event).json() == {"success": True}
            while (server.queue.running, server.queue.waiting) != left:
                time.sleep(0.01)
        engine.paused.set()
        assert http.post("/v1/ask", json={"question": QUESTION}).status_code == 200


def stop(server):
    """What uvicorn does at SIGTERM."""
    server.handle_exit(signal.SIGTERM, None)


@pytest.mark.parametrize("body", [{}, {"stream": True}])
def test_a_server_that_stops_ends_running_answers_and_refuses_new_ones(tmp_path, fake_encoder, body):
    with running(tmp_path, fake_encoder) as (server, http, engine), ThreadPoolExecutor(1) as pool:
        engine.paused.clear()
        answer = pool.submit(http.post, "/v1/ask", json={"question": QUESTION, **body})
        while not server.queue.running:
            time.sleep(0.01)
        stop(server)
        while not server.queue.is_closed:
            time.sleep(0.01)
        refused = http.post("/v1/ask", json={"question": QUESTION})
        assert (refused.status_code, refused.json()["error"]["message"]) == (
            503,
            "The server is stopping; ask again in a minute.",
        )
        assert http.get("/readyz").json() == {"status": "stopping"}
        engine.paused.set()
        assert answer.result().status_code == 200
        assert TEXTS["bridge.txt"] in answer.result().text


@pytest.mark.parametrize("is_told_again", [True, False])
def test_a_second_signal_or_the_end_of_its_time_ends_what_runs(tmp_path, fake_encoder, monkeypatch, is_told_again):
    if not is_told_again:
        monkeypatch.setattr(serving_module, "ANSWER_SECONDS", 0)
    page = running(tmp_path, fake_encoder)
    with page as (server, http, engine), ThreadPoolExecutor(1) as pool:
        engine.paused.clear()
        answer = pool.submit(http.post, "/v1/ask", json={"question": QUESTION})
        while not server.queue.running:
            time.sleep(0.01)
        stop(server)
        if is_told_again:
            server.handle_exit(signal.SIGINT, None)
        page.thread.join()
        assert answer.exception() or answer.result().is_server_error
        engine.paused.set()

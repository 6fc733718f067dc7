"""What the client does when a server misbehaves: a real HTTP server on loopback with scripted faults."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import openai
import pytest

from rag.build import build_engine
from rag.errors import GeneratorError, GeneratorOverloadError, NoProbabilitiesError
from rag.generation.client import ChatClient, vllm_model_at
from rag.generation.failures import retry_pause
from rag.generation.model_size import is_small, parameters_in_name
from rag.generation.tracing import TracedEngine
from rag.settings import load_settings


def piece(text):
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunk["choices"] = [{"index": 0, "delta": {"content": text}, "finish_reason": None}]
    return f"data: {json.dumps(chunk)}\n\n".encode()


class ScriptedServer(ThreadingHTTPServer):
    """A server whose `answers` are called in turn with the request handler; `requests` are the request bodies."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.answers: list[Callable[[BaseHTTPRequestHandler], None]] = []
        self.requests: list[dict[str, Any]] = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


@pytest.fixture
def server():
    """A ScriptedServer that listens on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            body = json.dumps({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "vllm"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            listening.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            listening.answers.pop(0)(self)

    listening = ScriptedServer(Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield listening
    listening.shutdown()
    listening.server_close()


def fails(status, message="no", retry_after=None):
    def answer(handler):
        handler.send_response(status)
        if retry_after:
            handler.send_header("Retry-After", retry_after)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        handler.wfile.write(json.dumps({"error": {"message": message}}).encode())

    return answer


def streams(*parts, pause=0.0):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()
            time.sleep(pause)

    return answer


GOOD = streams(piece("Bună "), piece("ziua"), b"data: [DONE]\n\n")
ASK = [{"role": "user", "content": "?"}]


def client(url, **changes):
    return ChatClient(url, model="m", api_key="k", **{"timeout": 5, "retries": 2, **changes})


def complete(generator):
    return "".join(generator.stream(ASK, max_tokens=9))


def test_streams(server):
    server.answers = [GOOD]
    assert list(client(server.url).stream(ASK, max_tokens=9)) == ["Bună ", "ziua"]
    assert server.requests[0]["max_tokens"] == 9
    assert server.requests[0]["temperature"] == 0


def completes(usage: object, **more: Any) -> Callable[[BaseHTTPRequestHandler], None]:
    """A whole answer, with its tokens and whatever else a server tells."""

    def answer(handler):
        choice = {"index": 0, "message": {"role": "assistant", "content": "Bună"}, "finish_reason": "stop"}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        handler.wfile.write(json.dumps(body | more).encode())

    return answer


USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


def test_the_tokens_of_a_recorded_stream_are_in_its_span(server, spans):
    last = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": USAGE}
    server.answers = [streams(piece("Bună"), f"data: {json.dumps(last)}\n\n".encode(), b"data: [DONE]\n\n"), GOOD]
    generator = client(server.url)
    assert complete(TracedEngine(generator, record_texts=False)) == "Bună"
    assert server.requests[0]["stream_options"] == {"include_usage": True}
    (span,) = spans()
    assert (span.attributes["gen_ai.usage.input_tokens"], span.attributes["gen_ai.usage.output_tokens"]) == (7, 2)
    assert (span.name, span.attributes["gen_ai.provider.name"]) == ("chat m", "openai")
    assert span.attributes["server.address"] == "127.0.0.1"
    complete(generator)  # not recorded
    assert "stream_options" not in server.requests[1]


@pytest.mark.parametrize("usage", [USAGE, None, "many", {"prompt_tokens": "many", "completion_tokens": [1]}])
def test_the_tokens_of_a_recorded_answer_are_in_its_span(server, spans, usage):
    server.answers = [completes(usage)]
    assert TracedEngine(client(server.url), record_texts=False).answer(ASK, max_tokens=9).text == "Bună"
    (span,) = spans()
    expected = (7, 2) if usage == USAGE else (None, None)
    tokens = tuple(span.attributes.get(f"gen_ai.usage.{kind}_tokens") for kind in ("input", "output"))
    assert tokens == expected


def cut_off(handler, *parts):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for part in parts:
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    handler.close_connection = True


def error_event(**error):
    return streams(f"data: {json.dumps({'error': {'message': 'busy', **error}})}\n\n".encode())


FAULTS = {
    **{str(status): fails(status) for status in (408, 429, 500, 502, 503)},
    "refused within the stream, as by vLLM": error_event(code=503),
    "cut off before any text": cut_off,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_may_pass_is_tried_again(server, fault):
    server.answers = [fault, fault, GOOD]
    assert complete(client(server.url, timeout=60)) == "Bună ziua"
    assert len(server.requests) == 3


def test_what_breaks_off_after_text_is_not_tried_again(server):
    server.answers = [lambda handler: cut_off(handler, piece("Bună "))]
    stream = client(server.url).stream(ASK, max_tokens=9)
    assert next(stream) == "Bună "
    with pytest.raises(GeneratorError, match="broke off"):
        next(stream)


@pytest.mark.parametrize(
    ("fault", "status"), [*((fails(status), status) for status in (408, 429, 503)), (error_event(code=503), 503)]
)
def test_lasting_overload_is_one_case(server, fault, status):
    server.answers = [fault] * 3
    with pytest.raises(GeneratorOverloadError) as raised:
        complete(client(server.url, timeout=60))
    assert str(raised.value) == f"The generator at {server.url} is overloaded (HTTP {status}); ask again in a moment."
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("asked", "least", "most"), [("7", 7, 7), ("0", 0.375, 0.5), ("soon", 0.375, 0.5), (None, 0.375, 0.5)]
)
def test_a_longer_pause_that_the_server_asks_for_is_kept(asked, least, most):
    headers = {"Retry-After": asked} if asked else {}
    response = httpx2.Response(503, headers=headers, request=httpx2.Request("POST", "http://127.0.0.1"))
    pause = retry_pause(openai.InternalServerError("busy", response=response, body=None), 0)
    assert least <= pause <= most


def test_a_pause_beyond_the_deadline_is_not_begun(server):
    server.answers = [fails(503, retry_after="600")]
    with pytest.raises(GeneratorOverloadError):
        complete(client(server.url, timeout=60))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([fails(500)] * 3, "failed .HTTP 500"),
        ([fails(401)], "refused the key"),
        ([fails(404)], "no such model"),
        ([fails(400, "maximum context length is 4096")], "longer than the generator's context"),
        ([fails(400, "bad grammar")], "did not accept"),
        ([streams(b"data: {nonsense\n\n")], "made no sense"),
        ([streams(b"data: [DONE]\n\n")], "empty answer"),
        ([streams(b'data: {"error": {"message": "engine died"}}\n\n')], "broke off"),
    ],
)
def test_each_failure_is_one_clear_sentence(server, answers, reason):
    server.answers = list(answers)
    with pytest.raises(GeneratorError, match=reason) as raised:
        complete(client(server.url))
    assert "\n" not in str(raised.value)


def test_a_server_that_says_nothing_is_given_up(server):
    server.answers = [lambda handler: server.released.wait(3)]
    with pytest.raises(GeneratorError, match=r"longer than 0\.5 seconds"):
        complete(client(server.url, timeout=0.5, retries=0))


def test_a_server_that_only_keeps_the_line_open_is_given_up(server):
    server.answers = [streams(*[b": ping\n\n"] * 30, pause=0.1)]
    with pytest.raises(GeneratorError, match="longer than 1 seconds"):
        complete(client(server.url, timeout=1, retries=0))


def test_no_server():
    with pytest.raises(GeneratorError, match="No generator answers"):
        complete(client("http://127.0.0.1:9/v1", retries=0))


def test_cancel_closes_the_connection(server):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        try:
            for _ in range(200):
                handler.wfile.write(piece("x"))
                handler.wfile.flush()
                time.sleep(0.02)
        except OSError:
            server.released.set()

    server.answers = [endless]
    stream = client(server.url).stream(ASK, max_tokens=9)
    assert next(stream) == "x"
    stream.close()
    assert server.released.wait(3)


def told(prompt_tokens: int, **more: Any) -> Callable[[BaseHTTPRequestHandler], None]:
    """A reply to a prompt of so many tokens."""
    return completes(
        {"prompt_tokens": prompt_tokens, "completion_tokens": 1, "total_tokens": prompt_tokens + 1}, **more
    )


def test_vllm_tells_how_probable_a_text_is(server):
    tokens = [None, *({str(n): {"logprob": -float(n), "rank": 1, "decoded_token": "x"}} for n in range(1, 6))]
    server.answers = [told(6, prompt_logprobs=tokens), told(4)]
    assert client(server.url).text_logprob(ASK, "Bună ziua") == -9.0  # the last two of six
    assert server.requests[0]["messages"][-1] == {"role": "assistant", "content": "Bună ziua"}
    assert server.requests[0]["continue_final_message"] is True
    assert server.requests[1]["messages"] == ASK


@pytest.mark.parametrize(
    "replies",
    [
        [told(6)],
        [told(6, prompt_logprobs=None)],
        [told(6, prompt_logprobs=7)],
        [told(6, prompt_logprobs=[None, "x", "y"]), told(1)],
        [told(6, prompt_logprobs=[None, {"1": {"logprob": "many"}}]), told(1)],
        [fails(400)],
    ],
)
def test_a_server_that_tells_nothing_of_a_text_is_named(server, replies):
    server.answers = replies
    with pytest.raises(NoProbabilitiesError):
        client(server.url).text_logprob(ASK, "Bună ziua")


def test_choice_of_engine(server):
    port = server.server_port
    assert vllm_model_at(server.url) == "m"
    assert vllm_model_at("http://127.0.0.1:9/v1") is None
    assert "vLLM on this machine" in build_engine(load_settings(serve_port=port)).label
    endpoint = build_engine(load_settings(endpoint=server.url, model="big", serve_port=port))
    assert endpoint.label == f"big at {server.url}"
    with pytest.raises(GeneratorError, match="no endpoint is named"):
        build_engine(load_settings(generator="endpoint"))
    with pytest.raises(GeneratorError, match="neither"):
        build_engine(load_settings(generator="embedded", embedded_model="/nowhere.gguf"))


@pytest.mark.parametrize(
    ("model", "small"),
    [
        ("qwen2.5-coder-1.5b-instruct", True),
        ("gemma-3-270m", True),
        ("Llama-3.1-8B", False),
        ("gpt-5", False),
        ("x-32b", False),
    ],
)
def test_small_models_are_recognised_by_name(model, small):
    assert is_small(parameters_in_name(model)) is small

"""Sending spans: only if it is wanted, over OTLP, and never a text."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry import trace

from rag.settings import load_settings
from retriever.errors import IsthmusError
from ui.server.telemetry import is_wanted, sending_spans

PROGRAM = """
from rag.generation.tracing import tracer
from rag.settings import load_settings
from ui.server.telemetry import sending_spans
with sending_spans(load_settings()):
    tracer.start_span("invoke_workflow isthmus").end()
"""


@pytest.fixture
def collector():
    """(address, the bodies that were posted to /v1/traces)."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/traces"
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()


def test_spans_are_sent_over_otlp(collector, command):
    address, bodies = collector
    line = command(ISTHMUS_OTLP_ENDPOINT=address, OTEL_SERVICE_NAME="desk")
    subprocess.run([sys.executable, "-c", PROGRAM], env=line["env"], check=True)
    (body,) = bodies
    assert b"invoke_workflow isthmus" in body
    assert b"desk" in body


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"ISTHMUS_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"ISTHMUS_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_setting_or_the_standard_environment_turns_it_on(monkeypatch, environment, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_wanted(load_settings()) is expected


def test_without_the_extra_there_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with (
        pytest.raises(IsthmusError, match=r"Sending spans needs an extra: pip install 'isthmus\[telemetry\]'\."),
        sending_spans(load_settings(otlp_endpoint="http://127.0.0.1:1")),
    ):
        pass


def test_nothing_is_set_up_by_default():
    with sending_spans(load_settings()):
        assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)

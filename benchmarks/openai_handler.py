"""A generator of the OpenAI protocol that a benchmark scripts."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any


class OpenAIHandler(BaseHTTPRequestHandler):
    """Names one large model; a subclass answers its questions."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body waits 40 ms for the client's word that it has the head

    def do_GET(self) -> None:
        """Name the model."""
        self.send(b'{"object": "list", "data": [{"id": "scripted-70b", "object": "model"}]}', "application/json")

    def do_POST(self) -> None:
        """Answer a request."""
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, request: dict[str, Any]) -> None:
        """Answer a request for a chat completion."""
        raise NotImplementedError

    def send(self, body: bytes, kind: str) -> None:
        """Send a whole response."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

"""The guard before the server: who may speak to it, how much a request may bring, what a browser may load for it."""

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.page.uploads import Uploads
from ui.server.address import Address

MAX_REQUEST = 5_000_000
"""Bytes of a request that is no upload: a question with its conversation, or a list of documents to delete."""
UPLOAD_PATHS = ("/gradio_api/upload", "/v1/documents")
CLOSED_PATHS = ("/gradio_api/file", "/gradio_api/proxy=", "/gradio_api/deep_link")
"""Gradio's ways to files and other sites, which the page does not use."""
INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-src 'none'; "
    "frame-ancestors 'none'; script-src 'self' 'unsafe-eval'"
)
"""The Content-Security-Policy. Scripts come from the page's own files, and inline ones are allowed by their hashes.
Gradio's HTML component compiles its template in the browser, which is what 'unsafe-eval' allows."""


class Guard:
    """An ASGI application that refuses strangers' requests with one sentence, and passes on the others.

    A stranger is another web site: a page whose domain leads here (DNS rebinding), or one that sends requests here.
    `scripts` are the inline scripts that the page inserts itself.
    """

    def __init__(self, app: ASGIApp, address: Address, uploads: Uploads, scripts: Iterable[str] = ()) -> None:
        self.app = app
        self.address = address
        self.uploads = uploads
        self.script_hashes = [_script_hash(script.encode()) for script in scripts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer: ASGIApp = self._refusal(scope) or self.app
        if scope["path"] == "/":
            # The hashes of the scripts are those of the text, not of the compressed text.
            headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            await answer({**scope, "headers": headers}, receive, _IndexSender(send, self.script_hashes))
        else:
            await answer(scope, receive, _Sender(send, self.script_hashes))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        origin = self.address.origin(hosts[0]) if len(hosts) == 1 else None
        if origin is None:
            return PlainTextResponse(f"The page does not answer to that name; open {self.address.url}.\n", 403)
        if _is_foreign(scope["method"], headers, origin):
            return PlainTextResponse(f"The page does not answer to other sites; open {self.address.url} itself.\n", 403)
        if scope["path"].startswith(CLOSED_PATHS):
            return PlainTextResponse("The page gives out no files.\n", 403)
        return self._refusal_of_size(scope["path"], headers)

    def _refusal_of_size(self, path: str, headers: Headers) -> PlainTextResponse | None:
        if "transfer-encoding" in headers:
            return PlainTextResponse("The request does not say its length; send Content-Length.\n", 411)
        length = int(headers.get("content-length", "0"))
        if path.rstrip("/") not in UPLOAD_PATHS:
            if length <= MAX_REQUEST:
                return None
            limit = MAX_REQUEST
        elif length > self.uploads.max_bytes:
            limit = self.uploads.max_bytes
        elif self.uploads.has_room_for(length):
            return None
        else:
            return PlainTextResponse("Too many uploads wait to be added; try again in a moment.\n", 503)
        return PlainTextResponse(
            f"The request has {length / 1e6:.0f} MB, the limit is {limit / 1e6:.0f} MB; send less at a time.\n", 413
        )


class _Sender:
    """Adds the page's headers to a response."""

    def __init__(self, send: Send, script_hashes: list[str]) -> None:
        self.send = send
        self.script_hashes = script_hashes

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = " ".join([POLICY, *self.script_hashes])
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "same-origin"
        await self.send(message)


class _IndexSender(_Sender):
    """Holds the response back until it is whole, to allow the inline scripts in it."""

    def __init__(self, send: Send, script_hashes: list[str]) -> None:
        super().__init__(send, script_hashes)
        self.start: Message = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        inline_hashes = [_script_hash(script) for script in INLINE_SCRIPT.findall(self.body)]
        self.script_hashes = [*dict.fromkeys([*self.script_hashes, *inline_hashes])]
        await super().__call__(self.start)
        await self.send({"type": "http.response.body", "body": self.body})


def _is_foreign(method: str, headers: Headers, page_origin: str) -> bool:
    """Whether another site's page sends the request; a link to the page is none of these.

    Browsers name the origin of every request that can change something, and newer ones the relation of every request
    to the page that sends it.
    """
    is_link = (
        method in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
    if is_link:
        return False
    origins = headers.getlist("origin")
    if any(origin.lower() != page_origin for origin in origins):
        return True
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


def _script_hash(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"

"""Connections to a generator: one deadline for a whole call, a bound on the reply, no proxy for this machine."""

import contextlib
import functools
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx2

CONNECT_SECONDS = 5.0
MAX_REPLY_BYTES = 8_000_000
"""More than the longest answer takes, with a chunk of some 300 bytes a token."""

SENT_HEADERS = frozenset(
    "accept accept-encoding authorization connection content-length content-type host user-agent".split()
)
"""All that a request tells; what OPENAI_ORG_ID and the like add is for another endpoint."""


class ReplyError(ValueError):
    """The reply breaks off, is longer than any answer, or is compressed although that was not asked for."""


class Deadline:
    """The end of one call, retries and silence included.

    At the end the connections of the call are shut, so that whatever waits for them goes on.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.is_shut = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self.shut)
        self._timer.daemon = True

    @property
    def remaining(self) -> float:
        """Seconds until the end, at least 0."""
        return max(0.0, self._end - time.monotonic())

    def shut(self) -> None:
        """Shut the connections now, and those to come. Reading from them ends at once, in whatever thread."""
        with self._lock:
            self.is_shut = True
            for connection in self._sockets:
                with contextlib.suppress(OSError):  # it is closed already
                    # SSLSocket.shutdown would take the encryption away from under a reader.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def watch(self, request: httpx2.Request) -> None:
        """Take charge of the connections that a request opens: a hook of httpx2's client."""
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, details: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                self._sockets.append(details["return_value"].get_extra_info("socket"))
            if self.is_shut:
                self.shut()

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()


def open_client(url: str, deadline: Deadline) -> httpx2.Client:
    """An HTTP client for one call to a URL.

    A URL on this machine is reached without the proxies of the environment. A reply of more than MAX_REPLY_BYTES raises
    ReplyError. Raises ImportError, ValueError or InvalidURL if a proxy of the environment cannot be used.
    """
    seconds = deadline.remaining
    return httpx2.Client(
        timeout=httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
        trust_env=not is_loopback(url),
        verify=_certificates(),
        headers={"Accept-Encoding": "identity"},
        follow_redirects=True,
        event_hooks={"request": [deadline.watch, _strip_headers], "response": [_bound_reply]},
    )


def is_loopback(url: str) -> bool:
    """Whether a URL is on this machine.

    >>> is_loopback("http://127.0.0.1:8000/v1"), is_loopback("http://[::1]/v1"), is_loopback("https://example.org/v1")
    (True, True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@functools.cache
def _certificates() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


def _strip_headers(request: httpx2.Request) -> None:
    for name in request.headers.keys() - SENT_HEADERS:
        del request.headers[name]


def _bound_reply(response: httpx2.Response) -> None:
    """Bound the length of a reply, before it is read."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ReplyError("the reply is compressed")
    if not isinstance(response.stream, httpx2.SyncByteStream):
        raise TypeError("the reply of a synchronous client is no synchronous stream")
    response.stream = _BoundedStream(response.stream)


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._stream:
            size += len(part)
            if size > MAX_REPLY_BYTES:
                raise ReplyError(f"the reply has more than {MAX_REPLY_BYTES} bytes")
            yield part

    def close(self) -> None:
        self._stream.close()

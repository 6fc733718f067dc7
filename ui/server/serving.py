"""Serve the application until Ctrl-C."""

import asyncio
import contextlib
import logging
import socket
import sys
import time
import webbrowser
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from ui.server.address import Address

ANSWER_SECONDS = 20
"""How long answers that are being written may go on when the server is stopped."""
SHUTDOWN_SECONDS = 1
"""How long connections may go on after that: every open page has one that never ends."""
LOOK_SECONDS = 0.05
"""How often the server looks whether all answers have ended."""


def serve(
    app: ASGIApp,
    address: Address,
    listener: socket.socket,
    is_answering: Callable[[], bool],
    *,
    open_browser: bool = False,
) -> None:
    """Serve an application at a bound socket until Ctrl-C, and then until `is_answering` says that it does not.

    A second Ctrl-C ends it at once.
    """
    config = uvicorn.Config(
        app, log_level="warning", ws="none", proxy_headers=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS
    )
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config, address, is_answering, open_browser=open_browser).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says where the page is once it listens, and ends without a word."""

    def __init__(
        self, config: uvicorn.Config, address: Address, is_answering: Callable[[], bool], *, open_browser: bool
    ) -> None:
        super().__init__(config)
        self.address = address
        self.is_answering = is_answering
        self.open_browser = open_browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets=sockets)
        sys.stdout.write(f"* Running on local URL:  {self.address.url}\n")
        sys.stdout.flush()
        if self.open_browser:
            webbrowser.open(self.address.url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen no more, let answers end, then close the connections, whose end uvicorn reports as an error."""
        for server in self.servers:
            server.close()
        end = time.monotonic() + ANSWER_SECONDS
        while self.is_answering() and not self.force_exit and time.monotonic() < end:
            await asyncio.sleep(LOOK_SECONDS)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets=sockets)

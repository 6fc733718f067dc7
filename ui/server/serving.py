"""Serve the application until Ctrl-C or SIGTERM."""

import asyncio
import contextlib
import logging
import socket
import sys
import time
import webbrowser

import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp

from ui.answering.fair_queue import FairQueue
from ui.server.address import Address

ANSWER_SECONDS = 25
"""How long running answers may go on when the server stops; supervisors kill after thirty seconds or later."""
CLOSE_SECONDS = 1
"""How long connections may stay open after that: every open page has one that never ends by itself."""
POLL_SECONDS = 0.1


def serve(
    app: ASGIApp, queue: FairQueue, address: Address, listener: socket.socket, *, open_browser: bool = False
) -> None:
    """Serve an application at a bound socket until Ctrl-C or SIGTERM; then let the answers of its queue end."""
    with contextlib.suppress(KeyboardInterrupt):
        Server(app, queue, address, open_browser=open_browser).run(sockets=[listener])


class Server(uvicorn.Server):
    """Says where the page is once it listens, ends running answers before it stops, and then ends without a word."""

    def __init__(self, app: ASGIApp, queue: FairQueue, address: Address, *, open_browser: bool = False) -> None:
        AppStatus.enable_automatic_graceful_drain = False  # else streams break off at the signal
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                ws="none",
                proxy_headers=False,
                timeout_graceful_shutdown=CLOSE_SECONDS,
            )
        )
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self.queue = queue
        self.address = address
        self.open_browser = open_browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets=sockets)
        sys.stdout.write(f"* Running on local URL:  {self.address.url}\n")
        sys.stdout.flush()
        if self.open_browser:
            webbrowser.open(self.address.url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let running answers end, while new questions are refused; a second signal ends them. Then close all."""
        self.queue.close()
        end = time.monotonic() + ANSWER_SECONDS
        while self.queue.running and time.monotonic() < end and not self.force_exit:
            await asyncio.sleep(POLL_SECONDS)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it reports open connections as errors
        await super().shutdown(sockets=sockets)

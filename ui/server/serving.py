"""Serve the application until Ctrl-C."""

import contextlib
import logging
import socket
import sys
import webbrowser

import uvicorn
from starlette.types import ASGIApp

from ui.server.address import Address

SHUTDOWN_SECONDS = 1
"""How long answers that are being written may go on when the page is closed."""


def serve(app: ASGIApp, address: Address, listener: socket.socket, *, open_browser: bool = False) -> None:
    """Serve an application at a bound socket until Ctrl-C."""
    config = uvicorn.Config(
        app, log_level="warning", ws="none", proxy_headers=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS
    )
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config, address, open_browser=open_browser).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says where the page is once it listens, and ends without a word."""

    def __init__(self, config: uvicorn.Config, address: Address, *, open_browser: bool) -> None:
        super().__init__(config)
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
        """Close the connections. Every open page has one that never ends; uvicorn reports its end as an error."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets=sockets)

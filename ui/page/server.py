"""The page's server: Gradio behind the guard."""

import contextlib
import logging
import re
import socket
import sys
import webbrowser

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from ui.page.address import Address
from ui.page.guard import Guard
from ui.page.theme import CSS, HEAD, THEME
from ui.page.uploads import Uploads

SHUTDOWN_SECONDS = 1
"""How long answers that are being written may go on when the page is closed."""


def application(
    page: gr.Blocks, translations: gr.I18n, address: Address, uploads: Uploads, *, max_file_mb: int
) -> ASGIApp:
    """The page as an ASGI application."""
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        page,
        path="/",
        server_name=address.host,
        server_port=address.port,
        max_file_size=max_file_mb * 1_000_000,
        i18n=translations,
        theme=THEME,
        css=CSS,
        head=HEAD,
        show_error=False,  # of an error that nobody expected, the terminal shows all and the page nothing
        ssr_mode=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
    )
    return Guard(app, address, uploads, re.findall(r"<script>(.*?)</script>", HEAD, re.DOTALL))


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

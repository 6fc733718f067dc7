"""The page: its tabs, and how it is mounted in the server."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from fastapi import FastAPI

from ui.answering.answering import Answering
from ui.page import admin_tab, chat, collections_panel, evaluation_tab, library_tab
from ui.page.access import view_of
from ui.page.strings import translations
from ui.page.theme import CSS, HEAD, THEME
from ui.page.uploads import Uploads
from ui.state.collections import Collections
from ui.state.types import LIBRARY, Limit

LOG_OUT = "() => fetch('/logout', {method: 'POST'}).then(() => location.assign('/login'))"
AT_ONCE = 4
"""Requests of each kind that are being answered at a time; questions wait in a queue of their own (ui.answering)."""
MAX_WAITING = 200
"""Requests that wait for their turn; more are refused."""


def build(
    collections: Collections, uploads: Uploads, answering: Answering, limits: Callable[[], Sequence[Limit]]
) -> tuple[gr.Blocks, gr.I18n]:
    """Lay out the page, which tells administrators the limits. Returns it with its translations; `mount` needs them."""
    t: Any = gr.I18n(**translations())

    def choice(request: gr.Request) -> Any:
        return collections_panel.choice(view_of(collections, request))

    with gr.Blocks(title="Isthmus", analytics_enabled=False, fill_width=True) as page:
        gr.Markdown("# Isthmus")
        gr.Markdown(t("tagline"))
        collection = gr.Dropdown([LIBRARY], value=LIBRARY, label=t("collection"), visible=False, elem_id="collection")
        page.load(choice, None, collection, api_visibility="private")
        has_login = collections.library.settings.login != "off"
        if has_login:
            gr.Button(t("log_out"), size="sm", elem_id="log-out").click(None, js=LOG_OUT, api_visibility="private")
        with gr.Tab(t("chat")):
            chat.build(collections, answering, collection, t)
        with gr.Tab(t("library")):
            library_tab.build(collections, collection, uploads, t)
        with gr.Tab(t("evaluation")):
            evaluation_tab.build(collections.library, t)
        if has_login:
            page.load(admin_tab.show, None, admin_tab.build(collections, limits, t), api_visibility="private")
    page.queue(default_concurrency_limit=AT_ONCE, max_size=MAX_WAITING)
    return page, t


def mount(app: FastAPI, page: gr.Blocks, page_translations: gr.I18n, host: str, port: int, max_file_mb: int) -> None:
    """Put the page at `/` of the server, after the routes that are there."""
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=host,
        server_port=port,
        max_file_size=max_file_mb * 1_000_000,
        i18n=page_translations,
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

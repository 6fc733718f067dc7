"""The page: its tabs, and what `isthmus page` does."""

import logging
import threading
from typing import Any

import gradio as gr

from rag.documents.sample import add_sample
from rag.pipeline import RAG
from rag.settings import Settings
from retriever.errors import IsthmusError
from retriever.languages.detection import detect_language
from ui.page import chat, evaluation_tab, library_tab
from ui.page.address import Address
from ui.page.server import application, serve
from ui.page.strings import translations
from ui.page.uploads import Uploads, open_uploads

logger = logging.getLogger(__name__)

MAX_WAITING = 200
"""Questions and other requests that wait for their turn; more are refused."""
UPLOADED_FILES = 20
"""Files of the largest size that can be uploaded at a time."""


def build(rag: RAG, uploads: Uploads) -> tuple[gr.Blocks, gr.I18n]:
    """Lay out the page. Returns it with its translations, which Gradio's `launch` needs."""
    t: Any = gr.I18n(**translations())
    with gr.Blocks(title="Isthmus", analytics_enabled=False, fill_width=True) as page:
        gr.Markdown("# Isthmus")
        gr.Markdown(t("tagline"))
        with gr.Tab(t("chat")):
            chat.build(rag, t)
        with gr.Tab(t("library")):
            library_tab.build(rag, uploads, t)
        with gr.Tab(t("evaluation")):
            evaluation_tab.build(rag, t)
    page.queue(default_concurrency_limit=4, max_size=MAX_WAITING)
    return page, t


def launch(settings: Settings, *, open_browser: bool = False) -> None:
    """Open the library and serve the page until Ctrl-C; the generator starts meanwhile.

    Raises IsthmusError if the page cannot listen at the host and port, or must not.
    """
    address = Address(settings.host, settings.port, settings.public_url)
    _check_openness(address, open_to_network=settings.open_to_network)
    with (
        address.bind() as listener,
        RAG(settings, holder=f"the Isthmus page at {address.url}") as rag,
        open_uploads(settings.library / "uploads", UPLOADED_FILES * settings.max_file_mb * 1_000_000) as uploads,
    ):
        if settings.sample and not rag.documents():
            add_sample(rag.library)
        threading.Thread(target=_warm_up, args=(rag,), daemon=True).start()
        page, page_translations = build(rag, uploads)
        app = application(page, page_translations, address, uploads, max_file_mb=settings.max_file_mb)
        serve(app, address, listener, open_browser=open_browser)


def _check_openness(address: Address, *, open_to_network: bool) -> None:
    if address.is_loopback:
        return
    if not open_to_network:
        raise IsthmusError(
            f"The page has no login, and host {address.host!r} is open to other machines; leave host at "
            "127.0.0.1, or allow it with the setting open_to_network = true."
        )
    logger.warning(
        "The page is open to the network and has no login: whoever reaches port %s of this machine reads, adds and "
        "deletes documents.",
        address.port,
    )


def _warm_up(rag: RAG) -> None:
    """Load the language detector and the generator. If the generator cannot start, the page shows the error."""
    detect_language("Bonjour")
    try:
        _ = rag.engine
    except IsthmusError as error:
        logger.warning("%s", error)

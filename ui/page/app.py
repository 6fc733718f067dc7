"""The page: its tabs, and the server that shows it."""

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
from ui.page.strings import translations
from ui.page.theme import CSS, HEAD, THEME

logger = logging.getLogger(__name__)


def build(rag: RAG) -> tuple[gr.Blocks, gr.I18n]:
    """Lay out the page. Returns it with its translations, which Gradio's `launch` needs."""
    t: Any = gr.I18n(**translations())
    with gr.Blocks(title="Isthmus", analytics_enabled=False, fill_width=True) as page:
        gr.Markdown("# Isthmus")
        gr.Markdown(t("tagline"))
        with gr.Tab(t("chat")):
            chat.build(rag, t)
        with gr.Tab(t("library")):
            library_tab.build(rag, t)
        with gr.Tab(t("evaluation")):
            evaluation_tab.build(rag, t)
    return page, t


def launch(settings: Settings, *, open_browser: bool = False) -> None:
    """Open the library and serve the page until Ctrl-C; the generator starts meanwhile."""
    with RAG(settings, holder=f"the Isthmus page at http://{settings.host}:{settings.port}") as rag:
        if settings.sample and not rag.documents():
            add_sample(rag.library)
        threading.Thread(target=_warm_up, args=(rag,), daemon=True).start()
        page, page_translations = build(rag)
        page.queue(default_concurrency_limit=4).launch(
            server_name=settings.host,
            server_port=settings.port,
            inbrowser=open_browser,
            share=False,
            max_file_size=settings.max_file_mb * 1_000_000,
            i18n=page_translations,
            theme=THEME,
            css=CSS,
            head=HEAD,
            show_error=True,
            ssr_mode=False,
            footer_links=[],
        )


def _warm_up(rag: RAG) -> None:
    """Load the language detector and the generator. If the generator cannot start, the page shows the error."""
    detect_language("Bonjour")
    try:
        _ = rag.engine
    except IsthmusError as error:
        logger.warning("%s", error)

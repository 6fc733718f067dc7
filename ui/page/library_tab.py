"""The library tab: upload, list, search, delete."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from rag.documents.parsing import PARSERS
from rag.pipeline import RAG
from retriever.errors import IsthmusError
from ui.page import cards
from ui.page.strings import strings_for


def build(rag: RAG, t: Any) -> None:
    """Lay out the tab; `t` gives the browser's language of a string by key."""
    with gr.Row():
        with gr.Column():
            files = gr.File(
                label=t("upload"), file_count="multiple", file_types=sorted(PARSERS), elem_id="upload", type="filepath"
            )
            report = gr.HTML(elem_id="report")
            query = gr.Textbox(placeholder=t("search_placeholder"), label=t("search"), elem_id="search")
            results = gr.HTML(elem_id="results")
        with gr.Column():
            gr.Markdown(t("documents"))
            documents = gr.HTML(elem_id="documents")
            doomed = gr.Dropdown([], multiselect=True, label=t("delete_which"), elem_id="doomed")
            delete = gr.Button(t("delete"), variant="stop", elem_id="delete")

    def refresh(request: gr.Request) -> tuple[str, Any]:
        listed = rag.documents()
        return cards.documents(listed, strings_for(request)), gr.Dropdown(
            [(f"{d.title} ({Path(d.source).name})", d.id) for d in listed], value=[]
        )

    def upload(paths: list[str] | None, request: gr.Request, progress: gr.Progress = gr.Progress()) -> tuple[Any, str]:  # noqa: B008
        words = strings_for(request)
        if not paths:
            return None, ""
        results = rag.library.add_upload(
            [(Path(path).name, Path(path)) for path in paths],
            lambda done, all_, name: progress((done, all_), desc=name),
        )
        counts = {
            status: sum(r.status == status for r in results) for status in ("added", "replaced", "unchanged", "failed")
        }
        lines = [", ".join(f"{count} {words[status]}" for status, count in counts.items() if count)]
        html = "".join(f'<p class="note">{escape(line)}</p>' for line in lines)
        html += "".join(f'<p class="failed" dir="auto">{escape(r.reason)}</p>' for r in results if r.reason)
        return None, html

    def look(text: str, request: gr.Request) -> str:
        return cards.found(rag.search(text), strings_for(request)) if text.strip() else ""

    def remove(ids: list[str], request: gr.Request) -> str:
        try:
            removed = rag.remove(*ids)
        except IsthmusError as error:
            return f'<p class="failed">{escape(str(error))}</p>'
        return f'<p class="note">− {escape(", ".join(d.title for d in removed))}</p>' if removed else ""

    listing = [documents, doomed]
    gr.on(None, refresh, None, listing, api_visibility="private")
    files.upload(upload, files, [files, report], api_visibility="private").then(
        refresh, None, listing, api_visibility="private"
    )
    query.submit(look, query, results, api_visibility="private")
    delete.click(remove, doomed, report, api_visibility="private").then(
        refresh, None, listing, api_visibility="private"
    )

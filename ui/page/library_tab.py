"""The library tab: upload, list, search, delete."""

from pathlib import Path
from typing import Any

import gradio as gr

from rag.documents.parsing import PARSERS
from rag.pipeline import RAG
from retriever.errors import IsthmusError
from ui.page import cards
from ui.page.strings import strings_for
from ui.page.uploads import Uploads


def build(rag: RAG, uploads: Uploads, t: Any) -> None:
    """Lay out the tab; `uploads` go once they are taken in, `t` translates a string's key."""
    with gr.Row():
        with gr.Column():
            files = gr.File(
                label=t("upload"), file_count="multiple", file_types=sorted(PARSERS), elem_id="upload", type="filepath"
            )
            replace = gr.Checkbox(label=t("replace_same_name"), elem_id="replace")
            report = gr.HTML(elem_id="report")
            query = gr.Textbox(placeholder=t("search_placeholder"), label=t("search"), elem_id="search")
            results = gr.HTML(elem_id="results")
        with gr.Column():
            gr.Markdown(t("documents"))
            documents = gr.HTML(elem_id="documents")
            to_delete = gr.Dropdown([], multiselect=True, label=t("delete_which"), elem_id="to-delete")
            delete = gr.Button(t("delete"), variant="stop", elem_id="delete")

    def refresh(request: gr.Request) -> tuple[str, Any]:
        library_documents = rag.documents()
        choices = [(f"{document.title} ({Path(document.source).name})", document.id) for document in library_documents]
        return cards.documents(library_documents, strings_for(request)), gr.Dropdown(choices, value=[])

    def upload(
        paths: list[str] | None,
        replace_same_name: bool,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, str]:
        words = strings_for(request)
        if not paths:
            return None, ""
        files = [Path(path) for path in paths]
        try:
            results = rag.library.add_upload(
                [(file.name, file) for file in files],
                lambda done, total, name: progress((done, total), desc=name),
                replace=replace_same_name,
            )
        except IsthmusError as error:
            return None, cards.failure(str(error))
        finally:
            uploads.remove(files)
        counts = {
            status: sum(result.status == status for result in results)
            for status in ("added", "replaced", "unchanged", "failed")
        }
        html = cards.note(", ".join(f"{count} {words[status]}" for status, count in counts.items() if count))
        html += "".join(cards.failure(result.reason) for result in results if result.reason)
        return None, html

    def search(text: str, request: gr.Request) -> str:
        if not text.strip():
            return ""
        try:
            return cards.search_results(rag.search(text), strings_for(request))
        except IsthmusError as error:
            return cards.failure(str(error))

    def remove(ids: list[str], request: gr.Request) -> str:
        try:
            removed_documents = rag.remove(*ids)
        except IsthmusError as error:
            return cards.failure(str(error))
        titles = ", ".join(document.title for document in removed_documents)
        return cards.note(f"− {titles}") if removed_documents else ""

    document_fields = [documents, to_delete]
    gr.on(None, refresh, None, document_fields, api_visibility="private")
    files.upload(upload, [files, replace], [files, report], api_visibility="private").then(
        refresh, None, document_fields, api_visibility="private"
    )
    query.submit(search, query, results, api_visibility="private")
    delete.click(remove, to_delete, report, api_visibility="private").then(
        refresh, None, document_fields, api_visibility="private"
    )

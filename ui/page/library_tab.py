"""The library tab: upload, list, search, delete."""

from pathlib import Path
from typing import Any

import gradio as gr

from rag.documents.parsing import PARSERS
from retriever.errors import IsthmusError
from ui.page import cards, collections_panel
from ui.page.access import view_of
from ui.page.strings import strings_for
from ui.page.uploads import Uploads
from ui.state.collections import Collections


def build(collections: Collections, collection: gr.Dropdown, uploads: Uploads, t: Any) -> None:
    """Lay out the tab of the collection that is chosen; `uploads` go once they are taken in."""
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
            collection_changes = collections_panel.build(collections, collection, t)

    def refresh(name: str, request: gr.Request) -> tuple[str, Any]:
        try:
            with view_of(collections, request).use(name) as rag:
                library_documents = rag.documents()
        except IsthmusError as error:
            return cards.failure(str(error)), gr.Dropdown([], value=[])
        choices = [(f"{document.title} ({Path(document.source).name})", document.id) for document in library_documents]
        return cards.documents(library_documents, strings_for(request)), gr.Dropdown(choices, value=[])

    def upload(
        name: str,
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
            view = view_of(collections, request)
            with view.change(name, "add documents", ", ".join(file.name for file in files)) as rag:
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

    def search(name: str, text: str, request: gr.Request) -> str:
        if not text.strip():
            return ""
        try:
            with view_of(collections, request).use(name) as rag:
                return cards.search_results(rag.search(text), strings_for(request))
        except IsthmusError as error:
            return cards.failure(str(error))

    def remove(name: str, ids: list[str], request: gr.Request) -> str:
        try:
            with view_of(collections, request).change(name, "remove documents", ", ".join(ids)) as rag:
                removed_documents = rag.remove(*ids)
        except IsthmusError as error:
            return cards.failure(str(error))
        titles = ", ".join(document.title for document in removed_documents)
        return cards.note(f"− {titles}") if removed_documents else ""

    document_fields = [documents, to_delete]
    gr.on(None, refresh, collection, document_fields, api_visibility="private")
    for change in collection_changes:
        change.then(refresh, collection, document_fields, api_visibility="private")
    files.upload(upload, [collection, files, replace], [files, report], api_visibility="private").then(
        refresh, collection, document_fields, api_visibility="private"
    )
    query.submit(search, [collection, query], results, api_visibility="private")
    delete.click(remove, [collection, to_delete], report, api_visibility="private").then(
        refresh, collection, document_fields, api_visibility="private"
    )

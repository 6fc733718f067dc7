"""The panel of the library tab that makes, renames, empties and deletes collections."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from retriever.errors import IsthmusError
from ui.page import cards
from ui.state.collections import Collections
from ui.state.types import LIBRARY


def build(collections: Collections, collection: gr.Dropdown, t: Any) -> list[Any]:
    """Lay out the panel; `collection` is the choice that it changes and acts on. Returns the events of its buttons."""
    with gr.Accordion(t("collection"), open=False, elem_id="collections"):
        with gr.Row():
            name = gr.Textbox(label=t("collection_name"), elem_id="collection-name", scale=3)
            create = gr.Button(t("create"), elem_id="create-collection", min_width=80)
            rename = gr.Button(t("rename"), elem_id="rename-collection", min_width=80)
        with gr.Row():
            empty = gr.Button(t("empty"), variant="stop", elem_id="empty-collection")
            delete = gr.Button(t("delete_collection"), variant="stop", elem_id="delete-collection")
        report = gr.HTML(elem_id="collection-report")

    def created(_: str, name: str) -> str:
        return collections.create(name, {})

    def renamed(chosen: str, name: str) -> str:
        return collections.rename(chosen, name)

    def emptied(chosen: str, _: str) -> str:
        collections.empty(chosen)
        return chosen

    def deleted(chosen: str, _: str) -> str:
        collections.delete(chosen)
        return LIBRARY

    def change(action: Callable[[str, str], str]) -> Callable[[str, str], tuple[Any, str, str]]:
        def run(chosen: str, name: str) -> tuple[Any, str, str]:
            try:
                chosen = action(chosen, name)
            except IsthmusError as error:
                return gr.skip(), name, cards.failure(str(error))
            return choice(collections, chosen), "", ""

        return run

    fields = [collection, name]
    return [
        button.click(change(action), fields, [*fields, report], queue=False, api_visibility="private")
        for button, action in ((create, created), (rename, renamed), (empty, emptied), (delete, deleted))
    ]


def choice(collections: Collections, chosen: str) -> Any:
    """What the choice shows: every collection, or nothing while there is only the library."""
    names = collections.names()
    return gr.Dropdown(names, value=chosen, visible=len(names) > 1)

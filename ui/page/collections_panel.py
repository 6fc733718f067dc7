"""The panel of the library tab that makes, renames, shares, empties and deletes collections."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from retriever.errors import IsthmusError
from ui.page import cards
from ui.page.access import view_of
from ui.state.access import EVERYONE
from ui.state.collections import Collections
from ui.state.view import CollectionsView


def build(collections: Collections, collection: gr.Dropdown, t: Any) -> list[Any]:
    """Lay out the panel; `collection` is the choice that it changes and acts on. Returns the events of its buttons."""
    with gr.Accordion(t("collection"), open=False, elem_id="collections"):
        with gr.Row():
            name = gr.Textbox(label=t("collection_name"), elem_id="collection-name", scale=3)
            create = gr.Button(t("create"), elem_id="create-collection", min_width=80)
            rename = gr.Button(t("rename"), elem_id="rename-collection", min_width=80)
        with gr.Row(visible=collections.library.settings.login != "off"):
            readers = gr.Dropdown(
                [EVERYONE],
                multiselect=True,
                allow_custom_value=True,
                label=t("readers"),
                info="everyone, user:NAME, group:NAME",
                elem_id="readers",
                scale=3,
            )
            share = gr.Button(t("share"), elem_id="share-collection", min_width=80)
        with gr.Row():
            empty = gr.Button(t("empty"), variant="stop", elem_id="empty-collection")
            delete = gr.Button(t("delete_collection"), variant="stop", elem_id="delete-collection")
        report = gr.HTML(elem_id="collection-report")

    def created(view: CollectionsView, _: str, name: str) -> str:
        return view.create(name)

    def renamed(view: CollectionsView, chosen: str, name: str) -> str:
        return view.rename(chosen, name)

    def emptied(view: CollectionsView, chosen: str, _: str) -> str:
        view.empty(chosen)
        return chosen

    def deleted(view: CollectionsView, chosen: str, _: str) -> str:
        view.delete(chosen)
        return next(iter(view.names()), "")

    def change(action: Callable[[CollectionsView, str, str], str]) -> Callable[..., tuple[Any, str, str]]:
        def run(chosen: str, name: str, request: gr.Request) -> tuple[Any, str, str]:
            view = view_of(collections, request)
            try:
                chosen = action(view, chosen, name)
            except IsthmusError as error:
                return gr.skip(), name, cards.failure(str(error))
            return choice(view, chosen), "", ""

        return run

    def shared(chosen: str, readers: Sequence[str], request: gr.Request) -> str:
        try:
            view_of(collections, request).share(chosen, readers)
        except IsthmusError as error:
            return cards.failure(str(error))
        return cards.note(f"✓ {chosen}: {', '.join(readers) or '–'}")

    def readers_of(chosen: str, request: gr.Request) -> tuple[list[str], Any]:
        try:
            return view_of(collections, request).info(chosen).readers, gr.skip()
        except IsthmusError as error:
            return [], cards.failure(str(error))

    gr.on(None, readers_of, collection, [readers, report], queue=False, api_visibility="private")
    share.click(shared, [collection, readers], report, queue=False, api_visibility="private")
    fields = [collection, name]
    return [
        button.click(change(action), fields, [*fields, report], queue=False, api_visibility="private")
        for button, action in ((create, created), (rename, renamed), (empty, emptied), (delete, deleted))
    ]


def choice(view: CollectionsView, chosen: str | None = None) -> Any:
    """What the choice shows: every collection, or nothing while there is only one."""
    names = view.names()
    return gr.Dropdown(names, value=chosen or next(iter(names), None), visible=len(names) > 1)

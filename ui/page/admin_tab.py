"""The administrator's tab: users, keys, collections, generator, limits, audit trail."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from retriever.address import shown_url
from ui.page import cards, keys_panel, users_panel
from ui.page.access import access_of
from ui.page.administration import Panel, administrators_only
from ui.page.strings import strings_for
from ui.state.access import Access, Role
from ui.state.collections import Collections
from ui.state.types import Limit

LATEST = 50
"""Entries of the audit trail that are shown."""


def build(collections: Collections, limits: Callable[[], Sequence[Limit]], t: Any) -> gr.Tab:
    """Lay out the tab, hidden; `show` says who sees it. `limits` are those of the server."""
    accounts, settings = collections.accounts, collections.library.settings
    tab = gr.Tab(t("administration"), visible=False, elem_id="administration")
    with tab:
        report = gr.HTML(elem_id="administration-report")
        with gr.Row():
            with gr.Column(min_width=400):
                users = users_panel.build(accounts, t, has_passwords=settings.login == "local")
            with gr.Column(min_width=400):
                keys = keys_panel.build(accounts, t)
        gr.Markdown(t("collections"), elem_classes="heading")
        gr.Markdown(t("collections_hint"))
        all_collections = gr.HTML(elem_id="all-collections")
        with gr.Row():
            with gr.Column(min_width=400):
                gr.Markdown(t("generator"), elem_classes="heading")
                generator = gr.HTML(elem_id="generator-in-use")
            with gr.Column(min_width=400):
                gr.Markdown(t("limits"), elem_classes="heading")
                limits_table = gr.HTML(elem_id="limits")
        gr.Markdown(t("audit"), elem_classes="heading")
        audit = gr.HTML(elem_id="audit")

    def content(access: Access, words: dict[str, str]) -> list[str]:
        return [
            _collections(collections, access, words),
            _generator(collections, words),
            _limits(limits(), words),
            _audit(collections, words),
        ]

    panels = [users, keys, Panel((all_collections, generator, limits_table, audit), content)]
    outputs = [report, *(component for panel in panels for component in panel.components)]

    def fill(request: gr.Request) -> Any:
        words = strings_for(request)

        def values(access: Access) -> list[Any]:
            return ["", *(value for panel in panels for value in panel.content(access, words))]

        return administrators_only(values, len(outputs))(request)

    tab.select(fill, None, outputs, api_visibility="private")
    for panel in panels:
        for change in panel.changes:
            change.then(fill, None, outputs, api_visibility="private")
    return tab


def show(request: gr.Request) -> Any:
    """The tab, for administrators."""
    return gr.Tab(visible=access_of(request).role is Role.ADMINISTRATOR)


def _collections(collections: Collections, access: Access, words: dict[str, str]) -> str:
    columns = ("collection", "owner", "readers", "documents")
    rows = (
        (info.name, info.owner, ", ".join(info.readers), str(info.documents)) for info in collections.of(access).infos()
    )
    return cards.table([words[column] for column in columns], rows)


def _generator(collections: Collections, words: dict[str, str]) -> str:
    settings = collections.library.settings
    is_ready = collections.library.has_engine
    label = collections.library.engine.label if is_ready else settings.generator
    rows = [
        (words["generator"], label, "generator, model, embedded_model"),
        (words["state"], words["ready" if is_ready else "not_ready"], ""),
    ]
    if settings.endpoint and settings.generator in ("auto", "endpoint"):
        rows.append((words["address"], shown_url(settings.endpoint), "endpoint"))
    return cards.table(["", "", words["setting"]], rows)


def _limits(limits: Sequence[Limit], words: dict[str, str]) -> str:
    rows = ((words[limit.name], limit.value, limit.setting) for limit in limits)
    return cards.table(["", "", words["setting"]], rows)


def _audit(collections: Collections, words: dict[str, str]) -> str:
    columns = ("time", "user_name", "action", "details")
    entries = reversed(collections.accounts.audit.entries(LATEST))
    rows = ((f"{entry.time:%Y-%m-%d %H:%M:%S}", entry.who, entry.action, entry.details) for entry in entries)
    return cards.table([words[column] for column in columns], rows)

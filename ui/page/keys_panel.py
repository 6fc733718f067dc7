"""The panel of the administrator's tab that shows, makes and revokes keys of programs."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from ui.page import cards
from ui.page.administration import Panel, administrators_only
from ui.state.access import MAX_PER_MINUTE, Access, Scope
from ui.state.accounts import PER_MINUTE, Accounts


def build(accounts: Accounts, t: Any) -> Panel:
    """Lay out the panel."""
    gr.Markdown(t("keys"), elem_classes="heading")
    table = gr.HTML(elem_id="keys")
    with gr.Row():
        name = gr.Textbox(label=t("key_name"), elem_id="key-name")
        user = gr.Dropdown([], label=t("user_name"), elem_id="key-user")
    with gr.Row():
        scopes = gr.Dropdown(
            [scope.value for scope in Scope],
            value=[Scope.ASK],
            multiselect=True,
            label=t("scopes"),
            elem_id="scopes",
        )
        per_minute = gr.Number(
            PER_MINUTE, label=t("per_minute"), precision=0, minimum=1, maximum=MAX_PER_MINUTE, elem_id="per-minute"
        )
    make = gr.Button(t("create"), variant="primary", elem_id="make-key")
    secret = gr.Textbox(label=t("key_once"), interactive=False, visible=False, buttons=["copy"], elem_id="new-key")
    with gr.Row():
        to_revoke = gr.Dropdown([], multiselect=True, label=t("keys_to_revoke"), elem_id="to-revoke", scale=3)
        revoke = gr.Button(t("revoke"), variant="stop", elem_id="revoke-key", min_width=80)
    report = gr.HTML(elem_id="keys-report")

    def made(
        access: Access, name: str, user: str | None, scopes: Sequence[str], per_minute: int | None
    ) -> tuple[str, Any, str]:
        key = accounts.add_key(name.strip(), user or "", [Scope(s) for s in scopes], per_minute or 0, by=access.name)
        return "", gr.Textbox(key, visible=True), ""

    def revoked(access: Access, names: Sequence[str]) -> tuple[str, Any]:
        for name in names:
            accounts.remove_key(name, by=access.name)
        return cards.note(f"− {', '.join(names)}") if names else "", gr.Textbox("", visible=False)

    def content(_: Access, words: dict[str, str]) -> list[Any]:
        keys = accounts.keys()
        columns = ("key_name", "user_name", "scopes", "per_minute")
        rows = ((f"{key.name} ({key.start}…)", key.user, ", ".join(key.scopes), str(key.per_minute)) for key in keys)
        return [
            cards.table([words[column] for column in columns], rows),
            gr.Dropdown([user.name for user in accounts.users()]),
            gr.Dropdown([key.name for key in keys], value=[]),
        ]

    changes = [
        make.click(
            administrators_only(made, 3),
            [name, user, scopes, per_minute],
            [report, secret, name],
            api_visibility="private",
        ),
        revoke.click(administrators_only(revoked, 2), to_revoke, [report, secret], api_visibility="private"),
    ]
    return Panel((table, user, to_revoke), content, changes)

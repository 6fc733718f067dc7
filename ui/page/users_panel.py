"""The panel of the administrator's tab that shows, adds, changes, unlocks and deletes users."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from retriever.errors import IsthmusError, NotFoundError
from ui.page import cards
from ui.page.administration import Panel, administrators_only
from ui.state.access import Access, Role
from ui.state.accounts import Accounts
from ui.state.types import minute


def build(accounts: Accounts, t: Any, *, has_passwords: bool) -> Panel:
    """Lay out the panel; `has_passwords` says whether users log in by a password that is kept here."""
    gr.Markdown(t("users"), elem_classes="heading")
    table = gr.HTML(elem_id="users")
    name = gr.Dropdown([], allow_custom_value=True, label=t("user_name"), elem_id="user")
    with gr.Row():
        roles = [(t(f"role_{role}"), role.value) for role in Role]
        role = gr.Dropdown(roles, value=Role.READER, label=t("role"), elem_id="role")
        groups = gr.Dropdown([], multiselect=True, allow_custom_value=True, label=t("groups"), elem_id="groups")
        password = gr.Textbox(
            type="password",
            label=t("new_password"),
            visible=has_passwords,
            elem_id="new-password",
            html_attributes=gr.InputHTMLAttributes(autocomplete="new-password"),
        )
    with gr.Row():
        save = gr.Button(t("save"), variant="primary", elem_id="save-user", min_width=80)
        unlock = gr.Button(t("unlock"), elem_id="unlock-user", min_width=80)
        delete = gr.Button(t("delete"), variant="stop", elem_id="delete-user", min_width=80)
    report = gr.HTML(elem_id="users-report")

    def chosen(_: Access, name: str | None) -> tuple[str, Any, Any]:
        user = next((user for user in accounts.users() if user.name == name), None)
        return "", user.role if user else gr.skip(), list(user.groups) if user else gr.skip()

    def saved(
        access: Access, name: str | None, role: str, groups: Sequence[str], password: str | None
    ) -> tuple[str, str]:
        name = name or ""
        if password:
            accounts.add_user(name, password, Role(role), groups, by=access.name)
        else:
            try:
                accounts.change_user(name, Role(role), groups, by=access.name)
            except NotFoundError:
                if has_passwords:
                    raise IsthmusError("A new user needs a password; give one.") from None
                accounts.add_user(name, None, Role(role), groups, by=access.name)
        return cards.note(f"✓ {name}"), ""

    def unlocked(access: Access, name: str | None) -> tuple[str]:
        accounts.unlock_user(name or "", by=access.name)
        return (cards.note(f"✓ {name}"),)

    def deleted(access: Access, name: str | None) -> tuple[str, None]:
        accounts.remove_user(name or "", by=access.name)
        return cards.note(f"− {name}"), None

    def content(_: Access, words: dict[str, str]) -> list[Any]:
        users = accounts.users()
        columns = ("user_name", "role", "groups", "last_login", "locked_until")
        rows = (
            (
                user.name,
                words[f"role_{user.role}"],
                ", ".join(user.groups),
                minute(user.last_login),
                minute(user.locked_until),
            )
            for user in users
        )
        groups = sorted({group for user in users for group in user.groups})
        return [
            cards.table([words[column] for column in columns], rows),
            gr.Dropdown([user.name for user in users]),
            gr.Dropdown(groups),
        ]

    name.input(administrators_only(chosen, 3), name, [report, role, groups], queue=False, api_visibility="private")
    changes = [
        save.click(
            administrators_only(saved, 2), [name, role, groups, password], [report, password], api_visibility="private"
        ),
        unlock.click(administrators_only(unlocked, 1), name, report, api_visibility="private"),
        delete.click(administrators_only(deleted, 2), name, [report, name], api_visibility="private"),
    ]
    return Panel((table, name, groups), content, changes)

"""The commands `isthmus users …`, `isthmus keys …` and `isthmus audit`: who may use a server that asks for a login.

They write to the server's database, whether it runs or not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag.settings import load_settings
from ui.cli.terminal import Json, LibraryOption, out, print_json, print_rows
from ui.state.access import MAX_PER_MINUTE, OWNER, Role, Scope
from ui.state.types import minute

if TYPE_CHECKING:
    from pathlib import Path

    from ui.state.accounts import Accounts, Key, User

app = typer.Typer()
users = typer.Typer(help="Show, add, change, unlock and delete users.", no_args_is_help=True)
keys = typer.Typer(help="Show, add and delete keys of programs.", no_args_is_help=True)
RoleOption = Annotated[Role, typer.Option(help="What the user may do.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="A group that the user is in; may be repeated.")]
UserName = Annotated[str, typer.Argument(help="Name of the user.")]
KeyName = Annotated[str, typer.Argument(help="Name of the key.")]


@contextmanager
def _accounts(library: "Path | None") -> "Iterator[Accounts]":
    from retriever.store.disk_errors import make_library_folder
    from ui.state.accounts import Accounts
    from ui.state.opening import open_database

    settings = load_settings(library=library)
    make_library_folder(settings.library)
    database = open_database(settings)
    try:
        yield Accounts(database)
    finally:
        database.dispose()


@users.command("list")
def list_users(library: LibraryOption = None, as_json: Json = False) -> None:
    """Show the users."""
    with _accounts(library) as accounts:
        rows = accounts.users()
    columns: dict[str, Callable[[User], str]] = {
        "name": lambda user: user.name,
        "role": lambda user: user.role,
        "groups": lambda user: ", ".join(user.groups),
        "last login (UTC)": lambda user: minute(user.last_login),
        "locked until (UTC)": lambda user: minute(user.locked_until),
    }
    print_rows(rows, columns, as_json=as_json)


@users.command("add")
def add_user(
    name: UserName,
    role: RoleOption = Role.READER,
    groups: Groups = None,
    external: Annotated[
        bool, typer.Option("--external", help="The user logs in at a provider or proxy, and has no password here.")
    ] = False,
    library: LibraryOption = None,
) -> None:
    """Add a user, or set the password, role and groups of one. Asks for the password."""
    password = None if external else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    with _accounts(library) as accounts:
        accounts.add_user(name, password, role, groups or [], by=OWNER.name)
    out.print(f"set {role} {name}", markup=False)


@users.command("change")
def change_user(name: UserName, role: RoleOption, groups: Groups = None, library: LibraryOption = None) -> None:
    """Give a user another role and other groups; the password stays."""
    with _accounts(library) as accounts:
        accounts.change_user(name, role, groups or [], by=OWNER.name)
    out.print(f"set {role} {name}", markup=False)


@users.command("unlock")
def unlock_user(name: UserName, library: LibraryOption = None) -> None:
    """Let a user log in again whom failed logins have locked."""
    with _accounts(library) as accounts:
        accounts.unlock_user(name, by=OWNER.name)
    out.print(f"unlocked {name}", markup=False)


@users.command("remove")
def remove_user(name: UserName, library: LibraryOption = None) -> None:
    """Delete a user with his keys, and end his sessions."""
    with _accounts(library) as accounts:
        accounts.remove_user(name, by=OWNER.name)
    out.print(f"removed {name}", markup=False)


@keys.command("list")
def list_keys(library: LibraryOption = None, as_json: Json = False) -> None:
    """Show the keys, of each only how it begins."""
    with _accounts(library) as accounts:
        rows = accounts.keys()
    columns: dict[str, Callable[[Key], str]] = {
        "name": lambda key: key.name,
        "key": lambda key: f"{key.start}…",
        "user": lambda key: key.user,
        "scopes": lambda key: ", ".join(key.scopes),
        "a minute": lambda key: str(key.per_minute),
    }
    print_rows(rows, columns, as_json=as_json)


@keys.command("add")
def add_key(
    name: KeyName,
    user: Annotated[str, typer.Option(help="The user in whose name the program acts.")],
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may be used for; may be repeated.")] = None,
    per_minute: Annotated[int, typer.Option(min=1, max=MAX_PER_MINUTE, help="Requests a minute.")] = 60,
    library: LibraryOption = None,
) -> None:
    """Make a key for a program and print it, this once."""
    with _accounts(library) as accounts:
        secret = accounts.add_key(name, user, scope or [Scope.ASK], per_minute, by=OWNER.name)
    out.print(secret, markup=False)


@keys.command("remove")
def remove_key(name: KeyName, library: LibraryOption = None) -> None:
    """Delete a key."""
    with _accounts(library) as accounts:
        accounts.remove_key(name, by=OWNER.name)
    out.print(f"removed {name}", markup=False)


@app.command()
def audit(library: LibraryOption = None, as_json: Json = False) -> None:
    """Show who did what, when (UTC): logins, and changes of users, keys, collections and documents."""
    with _accounts(library) as accounts:
        entries = accounts.audit.entries()
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    for entry in entries:
        out.print(f"{entry.time:%Y-%m-%d %H:%M:%S}  {entry.who}  {entry.action}  {entry.details}", markup=False)

"""Write docs/settings.md and docs/commands.md from the settings and the commands' help: `python docs/generate.py`."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer
from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from rag.settings import Settings
from retriever.evaluation import markdown_table
from ui.cli.app import app

DOCS = Path(__file__).parent
USER_FOLDERS = {"library": "the user's data folder", "cache": "the user's cache folder"}
"""Defaults that depend on the user."""

SETTINGS_PREFACE = """# Settings

Defaults < `isthmus.toml` < `ISTHMUS_NAME` in the environment < arguments. Unknown keys are errors.

`isthmus.toml` lies in your configuration folder (on Linux `~/.config/isthmus/`), or is the file that `ISTHMUS_CONFIG`
names. A file of that name in the working folder is not read. A key from the environment goes to no endpoint that the
file names: set both in one place.
"""
SETTINGS_EXAMPLES = """## Examples

```toml
# ~/.config/isthmus/isthmus.toml
encoder = "BAAI/bge-m3"
endpoint = "http://127.0.0.1:8000/v1"
grounding = "flag"
```

```sh
ISTHMUS_EMBEDDED_MODEL=0.5b isthmus ask "Wie lang ist die Donau?"
```
"""
COMMANDS_PREFACE = """# Commands

What `isthmus COMMAND --help` says. Every setting ([settings.md](settings.md)) can be given in the environment too.
"""


def settings_page() -> str:
    """A row of the table for each setting."""
    rows = [
        [f"`{name}`", allowed_values(field), default_value(name, field), field.description or ""]
        for name, field in Settings.model_fields.items()
    ]
    table = markdown_table(["key", "values", "default", "meaning"], rows)
    return "\n".join([SETTINGS_PREFACE, table, "", SETTINGS_EXAMPLES])


def default_value(name: str, field: FieldInfo) -> str:
    """A setting's default as isthmus.toml has it, strings without quotation marks."""
    if name in USER_FOLDERS:
        return USER_FOLDERS[name]
    if field.default is None:
        return "unset"
    return f"`{field.default if isinstance(field.default, str) else json.dumps(field.default)}`"


def allowed_values(field: FieldInfo) -> str:
    """The values that a setting takes: the choices, or their kind and bounds."""
    kind = _without_none(field.annotation)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is bool:
        return "`true`, `false`"
    if kind not in (int, float):
        return "path" if kind is Path else "text"
    least = next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None)
    above = next((limit.gt for limit in field.metadata if isinstance(limit, Gt)), None)
    most = next((limit.le for limit in field.metadata if isinstance(limit, Le)), None)
    bounds = [f"from {least}"] if least is not None else [f"above {above}"] if above is not None else []
    bounds += [f"to {most}"] if most is not None else []
    return " ".join(["whole number" if kind is int else "number", *bounds])


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        return next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def commands_page() -> str:
    """A section for each command, with a table of its arguments and options."""
    parts = [COMMANDS_PREFACE.strip()]
    for name, command in all_commands(typer.main.get_command(app), "isthmus"):
        parts += [f"## `{name}`", *(" ".join(text.split()) for text in (command.help or "").split("\n\n"))]
        if rows := parameter_rows(name, command):
            parts.append(markdown_table(["argument or option", "meaning"], rows))
    return "\n\n".join(parts) + "\n"


def all_commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each command below this one, with the words that call it."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield name, command
        return
    for word, subcommand in subcommands.items():
        yield from all_commands(subcommand, f"{name} {word}")


def parameter_rows(name: str, command: Any) -> list[list[object]]:
    """How each argument and option is written, and its help."""
    context = typer.Context(command, info_name=name)
    records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    return [[f"`{names}`", " ".join(text.split())] for names, text in records]


def pages() -> dict[Path, str]:
    """What each page is to hold."""
    return {DOCS / "settings.md": settings_page(), DOCS / "commands.md": commands_page()}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")

"""Consoles, options and JSON output that the commands share.

Titles, file names, names of models and answers come from strangers: all that is printed goes through `plain`.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import regex
import typer
from rich.console import Console
from rich.text import Text

UNPRINTABLE = regex.compile(r"[\p{Cc}\p{Cs}\u202d\u202e--\n\t]", regex.V1)
"""Control characters, which begin escape sequences; halves of a surrogate pair; overrides of the direction."""
UNPRINTABLE_JSON = regex.compile(r"[\x7f-\x9f\p{Cs}\u202d\u202e]")
"""Those that `json` leaves as they are."""

UNSET_LOCALE = "en_US_POSIX"
"""What Babel calls the locale C."""


def plain(text: str) -> str:
    r"""The text without what a terminal obeys: control characters except newline and tab, lone surrogates, overrides.

    >>> plain("\x1b]0;title\x07a \x9b31mb")
    ']0;titlea 31mb'
    """
    return UNPRINTABLE.sub("", text)


class PlainConsole(Console):
    """A console that prints every string as `plain` leaves it, and no emoji in place of :words:."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """See rich's Console."""
        return super().render_str(plain(text), **options)


out = PlainConsole()
err = PlainConsole(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
LibraryOption = Annotated[Path | None, typer.Option("--library", "-L", help="Folder of the library.")]
CollectionOption = Annotated[str, typer.Option("--collection", "-c", help="Collection of the library.")]
LanguageOption = Annotated[
    str | None, typer.Option("--language", "-l", help="Language of the answer, e.g. ro; default: the question's.")
]
GeneratorOption = Annotated[
    str | None, typer.Option("--generator", help="Generator: auto, endpoint, vllm or embedded.")
]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="Leave out passages about later times: 1998 or 1998-05.")
]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", help="URL of an OpenAI-compatible server, ending in /v1.")
]


def terminal_languages() -> list[str]:
    """The tag of the language that the terminal is set to, such as ro-RO; none if it is set to none."""
    from babel.core import default_locale

    name = default_locale()
    return [] if name in (None, UNSET_LOCALE) else [name.replace("_", "-")]


def plain_cells(*texts: str) -> list[Text]:
    """Cells of a table, whose markup and control characters have no effect."""
    return [Text(plain(text)) for text in texts]


def print_rows(rows: Sequence[Any], columns: Mapping[str, Callable[[Any], str]], *, as_json: bool) -> None:
    """Print dataclasses as a table, whose cells `columns` make of a row, or as JSON."""
    from rich.table import Table

    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*plain_cells(*(cell(row) for cell in columns.values())))
    out.print(table)


def print_json(value: object) -> None:
    """Write a value to standard output as JSON, for `--json`."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=datetime.isoformat)
    sys.stdout.write(UNPRINTABLE_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n")

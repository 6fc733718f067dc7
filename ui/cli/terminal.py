"""Consoles, options and JSON output that the commands share."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
LibraryOption = Annotated[Path | None, typer.Option("--library", "-L", help="Folder of the library.")]
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


def print_json(value: object) -> None:
    """Write a value to standard output as JSON, for `--json`."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")

"""The command `isthmus`: every module of this folder has a group of commands, which imports what it needs when it runs."""

import logging
import os
import sys

import typer

from retriever.errors import IsthmusError
from ui.cli import align, ask, documents, models, page, retrieval, temporal
from ui.cli.terminal import err

app = typer.Typer(
    help="Ask in your language, get a cited answer from documents in English or any other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for module in (ask, documents, models, page, align):
    app.add_typer(module.app)
evaluation = typer.Typer(help="Measure on public data.", no_args_is_help=True)
for module in (retrieval, temporal):
    evaluation.add_typer(module.app)
app.add_typer(evaluation, name="eval")


def main() -> None:
    """Entry point: an error that the user can mend is one sentence and its exit code, never a traceback."""
    _quiet()
    try:
        app()
    except IsthmusError as error:
        err.print(f"isthmus: {error}", style="red", markup=False)
        sys.exit(error.exit_code)


def _quiet() -> None:
    """No messages of the libraries between the user's lines."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("httpx").setLevel(logging.WARNING)

"""The command `isthmus`. Each module of this folder has a group of commands.

A command imports what it needs when it runs, so that `isthmus list` is fast.
"""

import logging
import os
import sys

import typer

from retriever.errors import IsthmusError
from ui.cli import (
    accounts,
    align,
    answers,
    ask,
    backup,
    collections,
    documents,
    mcp,
    migrate,
    models,
    page,
    retrieval,
    temporal,
)
from ui.cli.terminal import err

app = typer.Typer(
    help="Ask in your language, get a cited answer from documents in English or any other language.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for module in (ask, documents, models, page, mcp, accounts, backup, migrate, align):
    app.add_typer(module.app)
evaluation = typer.Typer(help="Evaluate search, answers, and answers to questions about time.", no_args_is_help=True)
for module in (retrieval, answers, temporal):
    evaluation.add_typer(module.app)
app.add_typer(evaluation, name="eval")
app.add_typer(collections.app, name="collections")
app.add_typer(accounts.users, name="users")
app.add_typer(accounts.keys, name="keys")


def main() -> None:
    """Run the command. An IsthmusError is printed as one sentence, without a traceback, and sets the exit code.

    Of several processes that torchrun starts, the first runs the command; the others take part in its training.
    """
    _silence_libraries()
    try:
        if "TORCHELASTIC_RUN_ID" in os.environ:
            from retriever.alignment.distributed import lead

            lead(app)
        else:
            app()
    except IsthmusError as error:
        err.print(f"isthmus: {error}", style="red", markup=False)
        sys.exit(error.exit_code)


def _silence_libraries() -> None:
    """Keep progress bars and log lines of libraries out of the command's output."""
    logging.basicConfig(format="%(message)s")  # before a library sets up logging of its own
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("httpx").setLevel(logging.WARNING)

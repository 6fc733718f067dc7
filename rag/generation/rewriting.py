"""Texts rewritten by the generator: a question in another language, a guess at its answer, a question on a passage."""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import regex

from prompts import load_prompt
from rag.errors import GeneratorError
from rag.generation.cache import open_cache
from rag.generation.degeneration import is_degenerate
from rag.generation.engine import Engine
from rag.generation.language_check import is_in_language
from retriever.languages.digits import ascii_digits

logger = logging.getLogger(__name__)

RewriteMode = Literal["translate", "expand", "ask", "similar"]
"""The question in the other language; a sentence, true or not, that could answer it (HyDE, arXiv 2212.10496); a
question that a passage answers; or another query like several of one label."""

SECONDS = 5.0
"""Longest wait for a text; search goes on without one that takes longer."""
MAX_TOKENS = 96
_QUOTES = set("\"“”„«»'")
_DIGITS = regex.compile(r"\d+")


class QueryRewriter:
    """Rewrites queries by the generator, once each; the texts are kept in the cache folder.

    It is a `retriever.search.retriever.Rewrite`. A text that comes later than `seconds`, is not in the target language
    or repeats itself is not used, nor is a translation that loses a number of the question.
    """

    def __init__(self, engine: Callable[[], Engine], cache: Path, mode: RewriteMode, seconds: float = SECONDS) -> None:
        self._engine = engine
        self._file = cache / "rewritten.sqlite"
        self._mode = mode
        self._seconds = seconds

    def __call__(self, query: str, source: str, target: str) -> str | None:
        """A text in the target language to search for, None if there is no usable one. `source` is the query's own."""
        if self._mode == "translate" and source == target:
            return None
        try:
            engine = self._engine()
            key = (engine.label, target, query)
            if (text := self._read(key)) is None:
                if (text := self._rewrite(engine, query, target)) is None:
                    return None  # not kept: it may come in time when it is wanted again
                self._write(key, text)
        except GeneratorError as error:
            logger.warning("The question is searched as it is: %s", error)
            return None
        keeps_numbers = self._mode != "translate" or _digit_runs(query) <= _digit_runs(text)
        return text if keeps_numbers and is_in_language(text, target) and not is_degenerate(text, query) else None

    def _rewrite(self, engine: Engine, query: str, target: str) -> str | None:
        """The generator's text without quotation marks around it; None if it is not complete in time."""
        deadline = time.monotonic() + self._seconds
        text = ""
        messages = load_prompt(self._mode, target).messages(text=query)
        with contextlib.closing(engine.stream(messages, max_tokens=MAX_TOKENS)) as pieces:
            for piece in pieces:
                text += piece
                if time.monotonic() > deadline:
                    return None
        if self._mode == "similar":  # a model that reads a list goes on with it
            text = next(iter(text.strip().splitlines()), "")
        line = " ".join(text.split())
        return line[1:-1] if line[:1] in _QUOTES and line[-1:] in _QUOTES else line

    def _read(self, key: tuple[str, str, str]) -> str | None:
        with self._store() as store:
            row = store.execute(
                "SELECT text FROM rewritten WHERE (way, engine, target, query) = (?, ?, ?, ?)", (self._mode, *key)
            ).fetchone()
        return str(row[0]) if row else None

    def _write(self, key: tuple[str, str, str], text: str) -> None:
        with self._store() as store, store:
            store.execute("INSERT OR REPLACE INTO rewritten VALUES (?, ?, ?, ?, ?)", (self._mode, *key, text))

    def _store(self) -> "contextlib.closing[sqlite3.Connection]":
        # `way` is the column of the mode; files of earlier versions have it.
        return open_cache(
            self._file,
            "rewritten (way TEXT, engine TEXT, target TEXT, query TEXT, text TEXT, "
            "PRIMARY KEY (way, engine, target, query))",
        )


def _digit_runs(text: str) -> set[str]:
    """The runs of digits in a text, in ASCII."""
    return set(_DIGITS.findall(ascii_digits(text)))

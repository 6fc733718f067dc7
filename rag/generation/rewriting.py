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
from rag.generation.degeneration import is_degenerate
from rag.generation.engine import Engine
from rag.generation.language_check import is_in_language
from retriever.languages.digits import ascii_digits

logger = logging.getLogger(__name__)

RewriteMode = Literal["translate", "expand", "ask", "similar"]
"""The question in the other language; a sentence, true or not, that could answer it (HyDE, arXiv 2212.10496); a
question that a passage answers; or another query like those given."""

SECONDS = 5.0
"""What takes longer is done without."""
MAX_TOKENS = 96
_QUOTES = set("\"“”„«»'")
_NUMBER = regex.compile(r"\d+")


class QueryRewriter:
    """A `retriever.search.retriever.Rewrite` by the generator; each query is rewritten once and kept in the cache folder.

    What comes too late, is not in the language or goes round in circles is none, nor is a translation that loses a
    number of the question.
    """

    def __init__(self, engine: Callable[[], Engine], cache: Path, way: RewriteMode, seconds: float = SECONDS) -> None:
        self._engine = engine
        self._file = cache / "rewritten.sqlite"
        self._way = way
        self._seconds = seconds

    def __call__(self, query: str, source: str, target: str) -> str | None:
        """A text in the target language to search for, None if there is no usable one. `source` is the query's own."""
        if self._way == "translate" and source == target:
            return None
        try:
            engine = self._engine()
            key = (engine.label, target, query)
            if (known := self._read(key)) is None:
                if (known := self._rewrite(engine, query, target)) is None:
                    return None  # it may come in time when it is asked for again
                self._write(key, known)
        except GeneratorError as error:
            logger.warning("The question is searched as it is: %s", error)
            return None
        whole = self._way != "translate" or _numbers(query) <= _numbers(known)
        return known if whole and is_in_language(known, target) and not is_degenerate(known, query) else None

    def _rewrite(self, engine: Engine, query: str, target: str) -> str | None:
        """The generator's words, None if they are not all there in time."""
        late = time.monotonic() + self._seconds
        text = ""
        messages = load_prompt(self._way, target).messages(text=query)
        with contextlib.closing(engine.stream(messages, max_tokens=MAX_TOKENS)) as pieces:
            for piece in pieces:
                text += piece
                if time.monotonic() > late:
                    return None
        if self._way == "similar":  # shown a list, a model goes on with it
            text = next(iter(text.strip().splitlines()), "")
        whole = " ".join(text.split())
        return whole[1:-1] if whole[:1] in _QUOTES and whole[-1:] in _QUOTES else whole

    def _read(self, key: tuple[str, str, str]) -> str | None:
        with self._store() as store:
            row = store.execute(
                "SELECT text FROM rewritten WHERE (way, engine, target, query) = (?, ?, ?, ?)", (self._way, *key)
            )
            found = row.fetchone()
        return str(found[0]) if found else None

    def _write(self, key: tuple[str, str, str], text: str) -> None:
        with self._store() as store, store:
            store.execute("INSERT OR REPLACE INTO rewritten VALUES (?, ?, ?, ?, ?)", (self._way, *key, text))

    def _store(self) -> "contextlib.closing[sqlite3.Connection]":
        self._file.parent.mkdir(parents=True, exist_ok=True)
        store = sqlite3.connect(self._file, timeout=10)
        store.execute(
            "CREATE TABLE IF NOT EXISTS rewritten "
            "(way TEXT, engine TEXT, target TEXT, query TEXT, text TEXT, PRIMARY KEY (way, engine, target, query))"
        )
        return contextlib.closing(store)


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(ascii_digits(text)))

"""Questions put into the library's language by the generator, to search with both."""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import regex

from prompts import load_prompt
from rag.generator import Engine, GeneratorError
from rag.grounding import in_language, is_rubbish
from retriever.lexical import ascii_digits

logger = logging.getLogger(__name__)

SECONDS = 5.0
"""A translation that takes longer is done without."""
MAX_TOKENS = 96
_NUMBER = regex.compile(r"\d+")


class QueryTranslator:
    """A `retriever.search.Translate` by the generator; each query is translated once and kept in the cache folder.

    A translation that comes too late, is not in the language, goes round in circles or loses a number of the question
    is none.
    """

    def __init__(self, engine: Callable[[], Engine], cache: Path, seconds: float = SECONDS) -> None:
        self._engine = engine
        self._file = cache / "translations.sqlite"
        self._seconds = seconds

    def __call__(self, query: str, source: str, target: str) -> str | None:
        """The query in the target language, None if there is no usable translation. `source` is its own language."""
        if source == target:
            return None
        try:
            engine = self._engine()
            key = (engine.label, target, query)
            if (known := self._read(key)) is None:
                if (known := self._translate(engine, query, target)) is None:
                    return None  # it may come in time when it is asked for again
                self._write(key, known)
        except GeneratorError as error:
            logger.warning("The question is searched untranslated: %s", error)
            return None
        usable = in_language(known, target) and not is_rubbish(known, query) and _numbers(query) <= _numbers(known)
        return known if usable else None

    def _translate(self, engine: Engine, query: str, target: str) -> str | None:
        """The generator's words, None if they are not all there in time."""
        late = time.monotonic() + self._seconds
        text = ""
        messages = load_prompt("translate", target).messages(text=query)
        with contextlib.closing(engine.stream(messages, max_tokens=MAX_TOKENS)) as pieces:
            for piece in pieces:
                text += piece
                if time.monotonic() > late:
                    return None
        return " ".join(text.split())

    def _read(self, key: tuple[str, str, str]) -> str | None:
        with self._store() as store:
            row = store.execute("SELECT text FROM translations WHERE (engine, target, query) = (?, ?, ?)", key)
            found = row.fetchone()
        return str(found[0]) if found else None

    def _write(self, key: tuple[str, str, str], text: str) -> None:
        with self._store() as store, store:
            store.execute("INSERT OR REPLACE INTO translations VALUES (?, ?, ?, ?)", (*key, text))

    def _store(self) -> "contextlib.closing[sqlite3.Connection]":
        self._file.parent.mkdir(parents=True, exist_ok=True)
        store = sqlite3.connect(self._file, timeout=10)
        store.execute(
            "CREATE TABLE IF NOT EXISTS translations "
            "(engine TEXT, target TEXT, query TEXT, text TEXT, PRIMARY KEY (engine, target, query))"
        )
        return contextlib.closing(store)


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(ascii_digits(text)))

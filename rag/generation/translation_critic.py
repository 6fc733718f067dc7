"""Translations rated by the generator: LiRA's language-model critic (arXiv 2510.14466)."""

import contextlib
import hashlib
import math
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from prompts import load_prompt
from rag.generation.cache import open_cache
from rag.generation.engine import Engine
from retriever.languages.locales import english_name

ASPECTS = ("semantics", "emotion", "pragmatics")
DIGITS = tuple("12345")
"""The ratings. The paper's go to 10, whose first token would count as a 1; and an engine may take a call for each."""


class TranslationCritic:
    """Rates translations into English for semantics, emotion and pragmatics, once each.

    They are kept on disk by engine and prompt. It is a `retriever.alignment.methods.lira.rows.Critic`. A rating is the
    expected digit under the generator's probabilities, from 0 to 1: finer than the likeliest digit, which is nearly
    always the same.
    """

    def __init__(self, engine: Callable[[], Engine], cache: Path) -> None:
        self._engine = engine
        prompt = hashlib.sha256(repr(load_prompt("critic", "en").texts).encode()).hexdigest()[:8]
        self._file = cache / f"ratings-{prompt}.sqlite"

    def __call__(self, text: str, language: str, translation: str) -> tuple[float, ...]:
        """The ratings of ASPECTS. Raises GeneratorError, also if the engine tells no probabilities."""
        engine = self._engine()
        key = (engine.label, language, text, translation)
        if (ratings := self._read(key)) is None:
            ratings = self._rate(engine, text, language, translation)
            self._write(key, ratings)
        return ratings

    def _rate(self, engine: Engine, text: str, language: str, translation: str) -> tuple[float, ...]:
        prompt = load_prompt("critic", "en")
        name = english_name(language)
        return tuple(
            expected_rating(
                engine.choice_logprobs(
                    prompt.messages(
                        source_language=name, text=text, translation=translation, aspect=prompt.render(aspect)
                    ),
                    DIGITS,
                )
            )
            for aspect in ASPECTS
        )

    def _read(self, key: tuple[str, ...]) -> tuple[float, ...] | None:
        with self._store() as store:
            row: tuple[float, ...] | None = store.execute(
                "SELECT semantics, emotion, pragmatics FROM ratings "
                "WHERE (engine, language, text, translation) = (?, ?, ?, ?)",
                key,
            ).fetchone()
        return row

    def _write(self, key: tuple[str, ...], ratings: tuple[float, ...]) -> None:
        with self._store() as store, store:
            store.execute("INSERT OR REPLACE INTO ratings VALUES (?, ?, ?, ?, ?, ?, ?)", (*key, *ratings))

    def _store(self) -> "contextlib.closing[sqlite3.Connection]":
        return open_cache(
            self._file,
            "ratings (engine TEXT, language TEXT, text TEXT, translation TEXT, "
            "semantics REAL, emotion REAL, pragmatics REAL, PRIMARY KEY (engine, language, text, translation))",
        )


def expected_rating(logprobs: Sequence[float]) -> float:
    """The expected rating from 0 to 1, by the log-probabilities of as many ratings, the worst first.

    >>> round(expected_rating([math.log(0.2), math.log(0.1), math.log(0.1)]), 3)
    0.375
    """
    most = max(logprobs)
    weights = [math.exp(logprob - most) for logprob in logprobs]
    expected = sum(place * weight for place, weight in enumerate(weights)) / sum(weights)
    return expected / (len(logprobs) - 1)

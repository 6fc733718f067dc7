"""Offsets: nothing is trained; a language's mean distance from English is measured, and taken off its queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from retriever.alignment.data import ParallelText
from retriever.errors import DataError
from retriever.models.encoder import Encoder
from retriever.models.offsets import mean_offset
from retriever.types import Vectors

LEAST_TEXTS = 50
"""Fewer texts than these do not determine a language's offset."""


@dataclass(frozen=True, slots=True)
class Offset:
    """The method "offset". The weights stay; the offsets lie beside them (`retriever.models.offsets`).

    With `query_side` the report leaves out searches in passages of other languages.
    """

    name: ClassVar[str] = "offset"
    keeps_english_queries: ClassVar[bool] = True
    matches_tokens: ClassVar[bool] = False
    uses_all_labelled: ClassVar[bool] = False

    query_side: bool = False

    @property
    def keeps_passages(self) -> bool:
        """See Method."""
        return self.query_side


def language_offsets(texts: Sequence[ParallelText], encoder: Encoder) -> tuple[dict[str, Vectors], int]:
    """The offset of each language with enough questions or pairs, and the number of those texts.

    Raises DataError if no language has LEAST_TEXTS.
    """
    by_language: dict[str, list[ParallelText]] = {}
    for text in texts:
        if text.kind in ("question", "pair"):
            by_language.setdefault(text.language, []).append(text)
    sufficient = {
        language: language_texts
        for language, language_texts in by_language.items()
        if len(language_texts) >= LEAST_TEXTS
    }
    if not sufficient:
        raise DataError(f"offset needs {LEAST_TEXTS} parallel texts of a language; there are fewer.")
    offsets = {}
    for language, language_texts in sufficient.items():
        queries = encoder.encode_queries([text.text for text in language_texts])
        english = encoder.encode_queries([text.english for text in language_texts])
        offsets[language] = mean_offset(queries, english)
    return offsets, sum(map(len, sufficient.values()))

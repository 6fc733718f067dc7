"""What the retriever hands out: passages, and passages found for a query."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from retriever.temporal.periods import Period, find_periods

Vectors = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, the unit that is embedded, searched and cited.

    `start` and `end` are character offsets into the extracted text of `page` (1-based; None where the
    format has no pages, then into the whole text). `language` is an ISO 639-1 code, "und" if unknown. `times` are the
    periods that its title and text name.
    """

    id: str
    document_id: str
    title: str
    text: str
    page: int | None
    start: int
    end: int
    language: str
    times: tuple[Period, ...] = ()

    @property
    def embedded_text(self) -> str:
        """What the encoder sees: the title gives a passage from the middle of a document its subject."""
        return f"{self.title}\n{self.text}" if self.title else self.text

    def dated(self) -> "Passage":
        """The same with the times that it names."""
        return replace(self, times=find_periods(self.embedded_text, self.language))


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a query.

    `score` is the fused score that orders the hits; `dense` the cosine of query and passage in [-1, 1]
    and `lexical` the BM25 score, each None if that run did not find the passage.
    """

    passage: Passage
    score: float
    dense: float | None
    lexical: float | None
    query_language: str

"""What travels through the retriever: queries, passages, hits, documents, and their times."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Vectors = np.ndarray[Any, np.dtype[np.float32]]
"""float32 vectors, one a row; a single vector has shape (dimensions,)."""

Rewrite = Callable[[str, str, str], "str | None"]
"""From a text, its language and another to a text in that one, such as a translation; None if there is none."""

LAST_YEAR = 9999
_PERIOD_PART = re.compile(r"(\d{1,4})(?:-(\d\d))?")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the proleptic Gregorian calendar.

    >>> Month(1241, 10) + 89
    Month(year=1249, month=3)
    >>> Month(1249, 3) - Month(1241, 10)
    89
    """

    year: int
    month: int

    def __add__(self, months: int) -> Month:
        total = self.year * 12 + self.month - 1 + months
        return Month(total // 12, total % 12 + 1)

    def __sub__(self, other: Month) -> int:
        """Months from the other to this one."""
        return (self.year - other.year) * 12 + self.month - other.month

    @property
    def exists(self) -> bool:
        """Whether the year is from 1 to LAST_YEAR: the calendar has no year 0."""
        return 1 <= self.year <= LAST_YEAR


OPEN = Month(LAST_YEAR, 12)
"""The end of a period that has none."""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From the month `start` to the month `end`, both included. `str` writes it as ISO 8601 does.

    >>> str(Period.parse("1998-05"))
    '1998-05/1998-05'
    """

    start: Month
    end: Month

    def overlaps(self, other: Period) -> bool:
        """Whether the two have a month in common."""
        return self.start <= other.end and other.start <= self.end

    def __str__(self) -> str:
        return "/".join(f"{month.year:04}-{month.month:02}" for month in (self.start, self.end))

    @classmethod
    def parse(cls, text: str) -> Period:
        """From "1988-04/1991-06", "1988-04" or "1988". Raises ValueError for anything else."""
        error = ValueError(f"{text!r} is no period; write one as 1998, 1998-05 or 1998-05/2001-03.")
        months = []
        for part in text.strip().split("/"):
            if not (match := _PERIOD_PART.fullmatch(part)):
                raise error
            first, last = (int(match[2]), int(match[2])) if match[2] else (1, 12)
            months.append((Month(int(match[1]), first), Month(int(match[1]), last)))
        period = cls(months[0][0], months[-1][1])
        if len(months) > 2 or not all(1 <= m.month <= 12 and m.exists for m in (period.start, period.end)):
            raise error
        return period


@dataclass(frozen=True, slots=True)
class Timing:
    """What a question says about time.

    `periods` are those it asks for. `when` says that it asks for a time, `now` that it asks for the present.
    It is true if the question is about time at all.
    """

    periods: tuple[Period, ...] = ()
    when: bool = False
    now: bool = False

    def __bool__(self) -> bool:
        return bool(self.periods) or self.when or self.now

    def matches(self, periods: tuple[Period, ...]) -> bool:
        """Whether one of a text's periods overlaps one that is asked for."""
        return any(asked.overlaps(period) for asked in self.periods for period in periods)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question, understood once and carried along: search, evidence and checks all read it from here.

    `language` is detected ("und" without letters). `vector` has shape (dimensions,); `tokens` has shape (tokens, width)
    and is None if the encoder makes no token vectors or nobody asks for them. Both have unit rows.
    """

    text: str
    language: str
    vector: Vectors
    tokens: Vectors | None = None
    timing: Timing = Timing()


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: the unit that is embedded, searched and cited.

    `start` and `end` are character offsets into the extracted text of `page` (1-based; None where the format has no
    pages, then into the whole text). `language` is an ISO 639-1 code, "und" if unknown. `times` are the periods that
    its title and text name.
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


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that search returns.

    `score` is the fused score that orders the hits. `dense` is the cosine of query and passage in [-1, 1] and `lexical`
    the BM25 score; each is None if that run did not return the passage.
    """

    passage: Passage
    score: float
    dense: float | None
    lexical: float | None
    query_language: str


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the library.

    `source` is where it came from (a path, or a file name on the page), `added` the time in UTC, `passages` how many
    it has.
    """

    id: str
    source: str
    title: str
    sha256: str
    language: str
    bytes: int
    added: str
    passages: int = 0

"""What travels: a turn of the conversation, what may be asked for, a citation, an answer, an added file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from frozendict import frozendict

from rag.settings import TimeMode
from retriever.types import Passage

Status = Literal["added", "replaced", "unchanged", "failed"]
NO_TIMINGS: frozendict[str, float] = frozendict()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation so far."""

    role: Literal["user", "assistant"]
    text: str


class AskOptions(TypedDict, total=False):
    """The options of `RAG.ask`, `stream` and their twins.

    `language` is the answer's, else the question's. `likely_languages` are tags ("ro", "pt-BR") of those that the user
    probably writes in, a browser's for example; they count where a short question leaves its language in doubt.
    `history` is the conversation so far. `time` overrides the setting of that name. `as_of` ("1998", "1998-05") answers
    as of that time: passages of later times alone are left out.
    """

    language: str | None
    likely_languages: Sequence[str]
    history: Sequence[Turn]
    time: TimeMode | None
    as_of: str | None


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that an answer cites as [`number`]; [start, end) of its text supports the answer.

    `used` is False for a passage that is only shown as the nearest to a question without an answer.
    """

    number: int
    passage: Passage
    start: int
    end: int
    score: float
    used: bool = True

    @property
    def quote(self) -> str:
        """The supporting words."""
        return self.passage.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, finished or so far; immutable.

    `language` is the language asked for, or that of the text where it could not be had in the one asked for.
    `abstained` means that the documents hold no answer, and `text` says so. `doubts` are words of the answer that no
    cited passage holds (setting `grounding`). `timings` are seconds by stage. `generator` is the engine, or "calendar"
    for calculated dates. `final` is False while the text is still being written. `support` is how probable it is that
    the quoted words answer the question, or in an abstention those that were withheld; None if nothing tells (a model
    that writes freely).
    """

    text: str
    language: str
    citations: tuple[Citation, ...] = ()
    abstained: bool = False
    generator: str = ""
    timings: frozendict[str, float] = NO_TIMINGS
    doubts: tuple[str, ...] = ()
    final: bool = True
    support: float | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one file: `status`, its number of passages, and if it failed the `reason`, a sentence."""

    name: str
    status: Status
    passages: int = 0
    reason: str = ""

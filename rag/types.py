"""What travels: a turn of the conversation, a citation, an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from retriever.types import Hit, Passage


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation so far."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Passage number `number` of an answer; [start, end) of its text is what supports the answer.

    `used` tells a passage that the answer rests on from one that was merely found nearest.
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
    """An answer, whole or so far.

    `language` is the language asked for, or the one the text is in where it could not be had in that; `abstained`
    means the documents do not hold the answer and `text` says so; `doubts` lists words of the answer that no cited
    passage holds (grounding "flag"); `timings` are seconds by stage. `generator` is "calendar" for calculated dates.
    `final` is False while the text is still being written.
    """

    text: str
    language: str
    citations: tuple[Citation, ...] = ()
    abstained: bool = False
    generator: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    final: bool = True


__all__ = ["Answer", "Citation", "Hit", "Passage", "Turn"]

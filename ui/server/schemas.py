"""What goes over HTTP, as pydantic models; `docs/server.md` shows them in use."""

from typing import Literal
from urllib.parse import quote, urlencode

from frozendict import frozendict
from pydantic import BaseModel, ConfigDict, Field

from rag.settings import TimeMode
from rag.types import Added, Answer, AskOptions, Citation, Turn
from retriever.types import Hit, Passage
from ui.answering.request_context import MAX_LANGUAGES
from ui.state.types import LIBRARY

MAX_HISTORY = 100
"""Turns of a conversation that a request may bring."""


class Body(BaseModel):
    """A request's body; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


class AskBody(Body):
    """A question."""

    question: str
    collection: str = LIBRARY
    language: str | None = Field(None, description="language of the answer, such as ro; default: the question's")
    likely_languages: list[str] | None = Field(
        None,
        max_length=MAX_LANGUAGES,
        description="those that the user probably writes in; default: Accept-Language",
    )
    history: list[Turn] = Field([], max_length=MAX_HISTORY, description="the conversation so far, oldest first")
    time: TimeMode | None = None
    as_of: str | None = Field(None, description='leave out passages about later times: "1998" or "1998-05"')
    stream: bool = Field(False, description="send progress, then the answer, as server-sent events")

    @property
    def options(self) -> AskOptions:
        """What `RAG.stream` takes beside the question."""
        options: AskOptions = {
            "language": self.language,
            "history": self.history,
            "time": self.time,
            "as_of": self.as_of,
        }
        return options if self.likely_languages is None else {**options, "likely_languages": self.likely_languages}


class SearchBody(Body):
    """A search."""

    query: str
    collection: str = LIBRARY
    k: int | None = Field(None, ge=1, le=50, description="how many passages; default: the setting top_k")
    time: TimeMode | None = None
    as_of: str | None = None


class CollectionBody(Body):
    """A new collection, with the settings that are its own."""

    name: str
    settings: dict[str, object] = {}


class CollectionChange(Body):
    """What is to change of a collection."""

    name: str | None = None
    readers: list[str] | None = Field(None, description="who sees it: everyone, user:NAME, group:NAME")


class CitationOut(BaseModel):
    """A passage that the answer cites as [number]; `quote` are its supporting words, `url` opens it."""

    number: int
    quote: str
    url: str
    used: bool
    score: float
    start: int
    end: int
    passage: Passage


class AnswerOut(BaseModel):
    """A finished answer; see `rag.Answer`."""

    text: str
    language: str
    abstained: bool
    doubts: list[str]
    citations: list[CitationOut]
    generator: str
    timings: dict[str, float]
    support: float | None = None

    @classmethod
    def of(cls, answer: Answer, origin: str, collection: str) -> "AnswerOut":
        """The answer with addresses that begin with `origin`."""
        citations = [
            CitationOut(
                number=citation.number,
                quote=citation.quote,
                url=source_url(origin, collection, citation.passage, (citation.start, citation.end)),
                used=citation.used,
                score=citation.score,
                start=citation.start,
                end=citation.end,
                passage=citation.passage,
            )
            for citation in answer.citations
        ]
        return cls(
            text=answer.text,
            language=answer.language,
            abstained=answer.abstained,
            doubts=list(answer.doubts),
            citations=citations,
            generator=answer.generator,
            timings=dict(answer.timings),
            support=answer.support,
        )

    def answer(self) -> Answer:
        """The answer that this was made of."""
        citations = [Citation(c.number, c.passage, c.start, c.end, c.score, c.used) for c in self.citations]
        return Answer(
            self.text,
            self.language,
            tuple(citations),
            abstained=self.abstained,
            generator=self.generator,
            timings=frozendict(self.timings),
            doubts=tuple(self.doubts),
            support=self.support,
        )


class HitOut(BaseModel):
    """A passage that search found; see `rag.Hit`."""

    url: str
    hit: Hit

    @classmethod
    def of(cls, hit: Hit, origin: str, collection: str) -> "HitOut":
        """The hit with an address that begins with `origin`."""
        return cls(url=source_url(origin, collection, hit.passage), hit=hit)


class JobOut(BaseModel):
    """A job that takes documents in; `results` has one entry a file once it is done."""

    id: str
    status: Literal["waiting", "running", "done", "failed"]
    done: int
    total: int
    results: list[Added]
    error: str | None


def source_url(origin: str, collection: str, passage: Passage, marked: tuple[int, int] | None = None) -> str:
    """The address that shows a passage in its document, with the characters [start, end) marked."""
    query = {"passage": passage.id} | ({"collection": collection} if collection != LIBRARY else {})
    if marked:
        query |= {"start": str(marked[0]), "end": str(marked[1])}
    return f"{origin}/sources/{quote(passage.document_id, safe='')}?{urlencode(query)}"

"""Answers to questions of every way in, in fair turns, counted and logged."""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import anyio
from anyio import CapacityLimiter, to_thread

from rag.build import MOST_AT_ONCE, answers_at_once
from rag.steps import Steps
from rag.types import Answer, AskOptions
from retriever.errors import IsthmusError
from ui.answering.fair_queue import FairQueue
from ui.answering.request_context import RequestContext
from ui.state.access import OWNER
from ui.state.collections import Collections
from ui.state.view import CollectionsView

logger = logging.getLogger(__name__)


class Answering:
    """Answers questions in threads, as many at once as the generator is good for."""

    def __init__(self, collections: Collections) -> None:
        library = collections.library
        self.metrics = collections.metrics
        self.record_texts = library.settings.record_texts
        self.queue = FairQueue(lambda: answers_at_once(library.engine if library.has_engine else None))
        self.threads = CapacityLimiter(MOST_AT_ONCE)
        self.metrics.watch_questions(lambda: self.queue.running, lambda: self.queue.waiting)

    def of(self, view: CollectionsView, request: RequestContext) -> "Questions":
        """The questions of one request."""
        return Questions(self, view, request)


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks in the name of one request."""

    answering: Answering
    view: CollectionsView
    request: RequestContext

    @property
    def user(self) -> str:
        """Whose turn a question takes: the user's, or that of the address if nobody has logged in."""
        return self.request.address if self.view.access is OWNER else self.view.access.name

    async def stream(self, question: str, collection: str, options: AskOptions) -> AsyncGenerator[Answer, None]:
        """As `RAG.stream`, when it is this question's turn. Closing the iterator, or leaving it, cancels.

        Likely languages are those that the request prefers, unless the options name them.
        Raises OverloadError at once if too many wait, StoppingError if the server stops meanwhile, NotFoundError if
        there is no such collection.
        """
        start = time.perf_counter()
        preferred: AskOptions = {"likely_languages": self.request.languages}
        steps = Steps(self.view.stream(collection, question, {**preferred, **options}))
        threads = self.answering.threads
        try:
            async with self.answering.queue.turn(self.user):
                try:
                    while answer := await to_thread.run_sync(steps.next, limiter=threads):
                        if answer.final:
                            self._record(question, answer, time.perf_counter() - start)
                        yield answer
                finally:
                    with anyio.CancelScope(shield=True):
                        await to_thread.run_sync(steps.close, limiter=threads)
        except Exception as error:
            self.answering.metrics.count_failure(self.request.way, error)
            logger.info("no answer", extra=self._fields(question) | {"error": type(error).__name__})
            raise

    async def ask(self, question: str, collection: str, options: AskOptions) -> Answer:
        """The finished answer. Raises as `stream` and `RAG.ask`."""
        last: Answer | None = None
        async with aclosing(self.stream(question, collection, options)) as answers:
            async for answer in answers:
                last = answer
        if last is None:
            raise IsthmusError("There is no answer; ask again.")
        return last

    def _record(self, question: str, answer: Answer, seconds: float) -> None:
        self.answering.metrics.count_answer(self.request.way, answer, seconds)
        told = {"language": answer.language, "refused": answer.abstained, "seconds": round(seconds, 3)}
        text = {"answer": answer.text} if self.answering.record_texts else {}
        logger.info("answer", extra=self._fields(question) | told | text)

    def _fields(self, question: str) -> dict[str, object]:
        """What the log says of a question that is asked in this request."""
        fields: dict[str, object] = {"request": self.request.id, "way": self.request.way}
        return fields | {"question": question} if self.answering.record_texts else fields

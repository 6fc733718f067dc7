"""Questions of the server: first come, first served, so many at once, so many waiting."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
from anyio import CapacityLimiter, Semaphore, to_thread
from starlette.requests import Request

from rag.types import Answer, AskOptions
from retriever.errors import IsthmusError
from ui.server.errors import OverloadError
from ui.state.view import CollectionsView

AT_ONCE = 16
"""Questions that are being answered at a time; an embedded engine takes one of them after the other."""
GONE_SECONDS = 0.5
"""How often a client that waits for an answer is looked for."""
MAX_WAITING = 200
"""Questions that wait; more are refused."""


class Answering:
    """Answers questions in threads."""

    def __init__(self) -> None:
        self._turns = Semaphore(AT_ONCE)
        self._threads = CapacityLimiter(AT_ONCE)

    async def stream(
        self, view: CollectionsView, question: str, collection: str, options: AskOptions
    ) -> AsyncGenerator[Answer, None]:
        """As `RAG.stream`, when it is this question's turn. Closing the iterator, or leaving it, cancels.

        Raises OverloadError at once if too many wait, NotFoundError if there is no such collection.
        """
        if self._turns.statistics().tasks_waiting >= MAX_WAITING:
            raise OverloadError(f"{MAX_WAITING} questions wait already; ask again in a minute.")
        answers = view.stream(collection, question, options)
        async with self._turns:
            try:
                while answer := await to_thread.run_sync(next, answers, None, limiter=self._threads):
                    yield answer
            finally:
                with anyio.CancelScope(shield=True):
                    await to_thread.run_sync(answers.close, limiter=self._threads)

    async def ask(self, view: CollectionsView, question: str, collection: str, options: AskOptions) -> Answer:
        """The finished answer. Raises as `stream` and `RAG.ask`."""
        last: Answer | None = None
        async with aclosing(self.stream(view, question, collection, options)) as answers:
            async for answer in answers:
                last = answer
        if last is None:
            raise IsthmusError("There is no answer; ask again.")
        return last

    async def ask_while_connected(
        self, request: Request, view: CollectionsView, question: str, collection: str, options: AskOptions
    ) -> Answer:
        """As `ask`, for a response that is not streamed; a client that goes away cancels it."""
        outcome: Answer | IsthmusError = IsthmusError("The client is gone.")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_when_gone, request, tasks.cancel_scope)
            try:
                outcome = await self.ask(view, question, collection, options)
            except IsthmusError as error:
                outcome = error
            tasks.cancel_scope.cancel()
        if isinstance(outcome, IsthmusError):
            raise outcome
        return outcome


async def _cancel_when_gone(request: Request, scope: anyio.CancelScope) -> None:
    while not await request.is_disconnected():
        await anyio.sleep(GONE_SECONDS)
    scope.cancel()

"""Answers of requests whose client may go away."""

import anyio
from starlette.requests import Request

from rag.types import Answer, AskOptions
from retriever.errors import IsthmusError
from ui.answering.answering import Questions

GONE_SECONDS = 0.5
"""How often a client that waits for an answer is looked for."""


async def ask_while_connected(
    questions: Questions, request: Request, question: str, collection: str, options: AskOptions
) -> Answer:
    """As `Questions.ask`, for a response that is not streamed; a client that goes away cancels it."""
    outcome: Answer | IsthmusError = IsthmusError("The client is gone.")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_when_gone, request, tasks.cancel_scope)
        try:
            outcome = await questions.ask(question, collection, options)
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

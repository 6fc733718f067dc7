"""The OpenAI protocol: `/v1/models`, `/v1/chat/completions` and `/v1/responses`, one model a collection.

Any OpenAI client works unchanged. The last message of the user is the question, the messages before it are the
conversation; system and tool messages are left out, since Isthmus has its own instructions. An answer is streamed once
it is checked: until then comments keep the line open. What OpenAI's answers have no place for stands under the key
`isthmus`.
"""

import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sse_starlette import EventSourceResponse

from rag.settings import TimeMode
from rag.types import AskOptions, Turn
from retriever.errors import IsthmusError
from ui.answering.answering import Questions
from ui.server.answering import ask_while_connected
from ui.server.errors import error_body
from ui.server.openai_bodies import Chat, Response
from ui.server.schemas import AnswerOut, Body
from ui.server.services import OriginOf, QuestionsOf, ViewOf

router = APIRouter(prefix="/v1", tags=["OpenAI"])


class Options(Body):
    """What a client may add to a request under the key `isthmus`."""

    language: str | None = None
    time: TimeMode | None = None
    as_of: str | None = None


class Part(BaseModel):
    """A part of a message; only text counts."""

    type: str
    text: str = ""


class Message(BaseModel):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = "user"
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """The text of all parts."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class ModelRequest(BaseModel):
    """What both kinds of requests have. Parameters of sampling and the like change nothing."""

    model: str
    stream: bool = False
    isthmus: Options = Options()


class ChatRequest(ModelRequest):
    """A request for a chat completion."""

    messages: list[Message]


class ResponseRequest(ModelRequest):
    """A request for a response."""

    input: str | list[Message]


@router.get("/models")
def models(view: ViewOf) -> dict[str, Any]:
    """The collections, as models."""
    return {"object": "list", "data": [_model(name) for name in view.names()]}


@router.get("/models/{name}")
def model(name: str, view: ViewOf) -> dict[str, Any]:
    """A collection, as a model."""
    with view.use(name):
        return _model(name)


@router.post("/chat/completions", response_model=None)
async def chat_completion(
    body: ChatRequest, request: Request, questions: QuestionsOf, origin: OriginOf
) -> dict[str, Any] | EventSourceResponse:
    """Answer the last message, with a citation's address and place in the text as an annotation."""
    chat = Chat(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), body.model)
    question, options = _question(body.messages, body.isthmus)
    if body.stream:
        return EventSourceResponse(_chat_events(chat, question, options, questions, origin), sep="\n")
    answer = await ask_while_connected(questions, request, question, body.model, options)
    return chat.completion(AnswerOut.of(answer, origin, body.model))


@router.post("/responses", response_model=None)
async def response(
    body: ResponseRequest, request: Request, questions: QuestionsOf, origin: OriginOf
) -> dict[str, Any] | EventSourceResponse:
    """Answer the last message, with the cited passages as results of a file search."""
    reply = Response(f"resp_{uuid.uuid4().hex}", int(time.time()), body.model)
    messages = [Message(content=body.input)] if isinstance(body.input, str) else body.input
    question, options = _question(messages, body.isthmus)
    if body.stream:
        return EventSourceResponse(_response_events(reply, question, options, questions, origin), sep="\n")
    answer = await ask_while_connected(questions, request, question, body.model, options)
    return reply.completed(question, AnswerOut.of(answer, origin, body.model))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "isthmus"}


def _question(messages: list[Message], options: Options) -> tuple[str, AskOptions]:
    """The last message, and the options with the conversation before it."""
    turns = [Turn(m.role, m.text) for m in messages if m.role == "user" or m.role == "assistant"]
    if not turns or turns[-1].role != "user":
        raise IsthmusError("The last message must be the user's question.")
    return turns[-1].text, {"history": turns[:-1], **options.model_dump()}  # type: ignore[typeddict-item]


async def _chat_events(
    chat: Chat, question: str, options: AskOptions, questions: Questions, origin: str
) -> AsyncIterator[dict[str, str]]:
    """The chunks of a streamed completion."""
    try:
        answer = await questions.ask(question, chat.model, options)
    except IsthmusError as error:
        yield {"data": json.dumps(error_body(error), ensure_ascii=False)}
    else:
        for chunk in chat.chunks(AnswerOut.of(answer, origin, chat.model)):
            yield {"data": json.dumps(chunk, ensure_ascii=False)}
    yield {"data": "[DONE]"}


async def _response_events(
    reply: Response, question: str, options: AskOptions, questions: Questions, origin: str
) -> AsyncIterator[dict[str, str]]:
    """The events of a streamed response."""
    yield _event(reply.created_event())
    try:
        answer = await questions.ask(question, reply.model, options)
        for event in reply.events(question, AnswerOut.of(answer, origin, reply.model)):
            yield _event(event)
    except IsthmusError as error:
        yield _event(reply.failed_event(error))


def _event(event: dict[str, Any]) -> dict[str, str]:
    return {"event": event["type"], "data": json.dumps(event, ensure_ascii=False)}

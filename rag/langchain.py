"""RAG as a citizen of LangChain: a runnable, and a tool for agents."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, Protocol, Unpack

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool

from rag.types import Answer, AskOptions

DESCRIPTION = (
    "Answers a question, in any language, out of the user's documents. The answer is in the question's language and "
    "cites its sources as [1], [2]; the quoted sources follow it."
)


class Answering(Protocol):
    """What answers a question: the methods of `rag.RAG` that LangChain calls."""

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """`RAG.ask`."""
        ...

    async def aask(self, question: str, **options: Unpack[AskOptions]) -> Answer:
        """`RAG.aask`."""
        ...

    def stream(self, question: str, **options: Unpack[AskOptions]) -> Iterator[Answer]:
        """`RAG.stream`."""
        ...

    def astream(self, question: str, **options: Unpack[AskOptions]) -> AsyncGenerator[Answer, None]:
        """`RAG.astream`."""
        ...


class AnswerRunnable(Runnable[str, Answer]):
    """From a question to an `Answer`; keyword arguments are those of `AskOptions`, `bind` sets them."""

    def __init__(self, rag: Answering) -> None:
        self._rag = rag

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """`RAG.ask`."""
        return self._call_with_config(lambda question: self._rag.ask(question, **kwargs), input, config)

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """`RAG.aask`."""

        async def ask(question: str) -> Answer:
            return await self._rag.aask(question, **kwargs)

        return await self._acall_with_config(ask, input, config)

    def stream(self, input: str, config: RunnableConfig | None = None, **kwargs: Any | None) -> Iterator[Answer]:
        """`RAG.stream`: each answer is complete so far, and replaces the one before."""
        yield from self._rag.stream(input, **kwargs)  # type: ignore[arg-type]

    async def astream(
        self, input: str, config: RunnableConfig | None = None, **kwargs: Any | None
    ) -> AsyncIterator[Answer]:
        """`RAG.astream`."""
        async with aclosing(self._rag.astream(input, **kwargs)) as answers:  # type: ignore[arg-type]
            async for answer in answers:
                yield answer


def answer_tool(rag: Answering, name: str, description: str | None = None) -> BaseTool:
    """A tool that asks the documents. Its content is the answer with its quotes, its artifact the `Answer`."""

    def ask(question: str) -> tuple[str, Answer]:
        answer = rag.ask(question)
        return with_quotes(answer), answer

    async def ask_async(question: str) -> tuple[str, Answer]:
        answer = await rag.aask(question)
        return with_quotes(answer), answer

    return StructuredTool.from_function(
        func=ask,
        coroutine=ask_async,
        name=name,
        description=description or DESCRIPTION,
        response_format="content_and_artifact",
    )


def with_quotes(answer: Answer) -> str:
    """The answer's text, and below it a line for each passage that it cites."""
    quotes = [f"[{c.number}] {c.passage.title}: {c.quote}" for c in answer.citations if c.used]
    return "\n".join([answer.text, *quotes])

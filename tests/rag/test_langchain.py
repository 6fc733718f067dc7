"""RAG as LangChain's citizen: a runnable, and a tool that an agent of `langchain.agents` calls."""

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda

from rag import Answer, IsthmusError

pytestmark = pytest.mark.slow

TEXTS = {"bologna.txt": "The University of Bologna was founded in 1088."}
QUESTION = "Când a fost fondată Universitatea din Bologna?"
REPLY = "A fost fondată în anul 1088."


def test_invoke_stream_and_batch(make_rag):
    rag, engine = make_rag(TEXTS, *[REPLY] * 4)
    runnable = rag.as_runnable()
    assert runnable.invoke(QUESTION).text == f"{REPLY} [1]"
    *drafts, last = runnable.stream(QUESTION)
    assert last.final
    assert drafts
    assert not any(draft.final for draft in drafts)
    assert [answer.text for answer in runnable.batch([QUESTION] * 2)] == [f"{REPLY} [1]"] * 2
    assert len(engine.asked) == 4


async def test_the_async_twins(make_rag):
    rag, _ = make_rag(TEXTS, *[REPLY] * 4)
    runnable = rag.as_runnable()
    assert (await runnable.ainvoke(QUESTION)).text == f"{REPLY} [1]"
    assert [answer async for answer in runnable.astream(QUESTION)][-1].text == f"{REPLY} [1]"
    assert [answer.final for answer in await runnable.abatch([QUESTION] * 2)] == [True, True]


def test_in_a_chain_with_options(make_rag):
    rag, engine = make_rag(TEXTS, "इसकी स्थापना 1088 में हुई।")
    chain = rag.as_runnable().bind(language="hi") | RunnableLambda(lambda answer: answer.text) | StrOutputParser()
    assert chain.invoke(QUESTION) == "इसकी स्थापना 1088 में हुई। [1]"
    assert "हिन्दी" in str(engine.asked)


def test_errors_reach_the_caller(make_rag):
    rag, _ = make_rag(TEXTS)
    with pytest.raises(IsthmusError, match="is empty"):
        rag.as_runnable().invoke(" ")


class CallsTheTool(GenericFakeChatModel):
    """A chat model that follows a script; it takes any tools."""

    def bind_tools(self, tools, **_):
        return self


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_agent_asks_the_documents(make_rag, asynchronous):
    rag, _ = make_rag(TEXTS, REPLY)
    call = {"name": "ask_documents", "args": {"question": QUESTION}, "id": "1", "type": "tool_call"}
    script = iter([AIMessage("", tool_calls=[call]), AIMessage("Universitatea este din 1088.")])
    agent = create_agent(CallsTheTool(messages=script), tools=[rag.as_tool()])
    conversation: Any = {"messages": [{"role": "user", "content": QUESTION}]}
    state = await agent.ainvoke(conversation) if asynchronous else agent.invoke(conversation)
    (result,) = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    assert str(result.content).splitlines() == [
        f"{REPLY} [1]",
        "[1] bologna: The University of Bologna was founded in 1088.",
    ]
    assert isinstance(result.artifact, Answer)
    assert state["messages"][-1].content == "Universitatea este din 1088."


def test_the_tool_names_itself_for_the_model(make_rag):
    tool = make_rag(TEXTS)[0].as_tool("ask_handbook", "Answers out of the handbook.")
    assert (tool.name, tool.description) == ("ask_handbook", "Answers out of the handbook.")
    assert list(tool.args) == ["question"]

"""MCP over streamable HTTP, by the protocol's own client."""

import json

from mcp.client import Client

from tests.ui.server.conftest import TEXTS


async def call(server, tool, **arguments):
    async with Client(f"{server.url}/mcp") as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


async def test_the_tools_only_read(server):
    async with Client(f"{server.url}/mcp") as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["search", "fetch", "ask"]
    assert all(tool.annotations.read_only_hint for tool in tools)


async def test_what_search_finds_can_be_fetched(server):
    (result, *_) = (await call(server, "search", query="Golden Gate Bridge"))["results"]
    assert (result["title"], result["text"]) == ("bridge", TEXTS["bridge.txt"])
    source = await call(server, "fetch", id=result["id"])
    assert source["text"] == TEXTS["bridge.txt"]
    assert source["metadata"]["language"] == "en"
    assert TEXTS["bridge.txt"] in server.http.get(source["url"]).text


async def test_ask_gives_the_cited_answer(server):
    answer = await call(server, "ask", question="How tall is the Eiffel Tower?")
    assert answer["text"] == server.collections.library.ask("How tall is the Eiffel Tower?").text
    assert answer["citations"][0]["quote"] == TEXTS["tower.txt"]


async def test_an_error_is_one_sentence(server):
    async with Client(f"{server.url}/mcp") as client:
        result = await client.call_tool("ask", {"question": "x", "collection": "none"})
    assert result.is_error
    assert "No collection is called 'none'; there are: library." in result.content[0].text

"""The command as a client of the server that has the library open: the same words as without one."""

import json
import sys
from pathlib import Path

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from typer.testing import CliRunner

from rag.errors import GeneratorError
from rag.types import Turn
from retriever.errors import IsthmusError, NotFoundError
from tests.ui.server.conftest import TEXTS
from ui.cli.app import app
from ui.cli.remote import RemoteCollections

QUESTION = "When was the Golden Gate Bridge opened?"


class Command:
    """`isthmus ARGUMENTS` in this process; gives its JSON or its text, and keeps the exit code."""

    exit_code = 0

    def __call__(self, *arguments):
        result = CliRunner().invoke(app, arguments)
        if isinstance(result.exception, IsthmusError):
            raise result.exception
        self.exit_code = result.exit_code
        return json.loads(result.stdout) if "--json" in arguments else result.stdout


@pytest.fixture
def isthmus(server, monkeypatch):
    """The command, with the server's library."""
    monkeypatch.setenv("ISTHMUS_LIBRARY", str(server.collections.library.settings.library))
    monkeypatch.setenv("ISTHMUS_MAX_FILE_MB", "1")
    return Command()


def test_ask_prints_the_same_answer(isthmus, server):
    body = isthmus("ask", QUESTION, "--json")
    answer = server.collections.library.ask(QUESTION)
    assert (body["text"], body["language"], body["generator"]) == (answer.text, "en", "quoting")
    assert body["citations"][0]["passage"]["text"] == TEXTS["bridge.txt"]
    assert answer.text in isthmus("ask", QUESTION)


def test_search_prints_the_same_hits(isthmus, server):
    found = isthmus("search", "Eiffel", "--json", "-k", "2")
    assert [hit["passage"]["id"] for hit in found] == [
        h.passage.id for h in server.collections.library.search("Eiffel", 2)
    ]


def test_files_are_added_listed_and_removed(isthmus, server, tmp_path):
    folder = tmp_path / "दस्तावेज़"
    folder.mkdir()
    file = folder / "ประกาศ.txt"
    file.write_text("The office opens at nine.", encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"no PDF")
    results = isthmus("add", str(folder), "--json")
    assert isthmus.exit_code == 2
    assert {(Path(r["name"]).name, r["status"]) for r in results} == {("ประกาศ.txt", "added"), ("broken.pdf", "failed")}
    assert isthmus("add", str(file), "--json")[0]["status"] == "unchanged"
    file.write_text("The office opens at ten.", encoding="utf-8")
    assert isthmus("add", str(file), "--json")[0]["status"] == "replaced"
    assert str(file) in [document["source"] for document in isthmus("list", "--json")]
    assert isthmus("remove", "ประกาศ.txt", "--json")[0]["source"] == str(file)
    assert str(file) not in [document.source for document in server.collections.library.documents()]


def test_files_that_swap_contents_and_odd_names_are_as_without_a_server(isthmus, server, tmp_path):
    first, second = tmp_path / "a.txt", tmp_path / 'q"uo\nte.txt'
    first.write_text("The first words.")
    second.write_text("The second words.")
    isthmus("add", str(second), "--json")
    first.write_text("The second words.")
    second.write_text("The third words.")
    results = isthmus("add", str(first), str(second), "--json")
    assert [result["status"] for result in results] == ["added", "replaced"]
    sources = [document.source for document in server.collections.library.documents()]
    assert {str(first), str(second)} <= set(sources)
    isthmus("remove", str(first), str(second))


def test_a_long_chat_goes_on(server):
    remote = RemoteCollections(server.url, server.collections.library.settings)
    history = [Turn(role, "Words.") for _ in range(60) for role in ("user", "assistant")]
    with remote, remote.use() as rag:
        assert "1937" in rag.ask(QUESTION, history=history).text
        assert len(rag.search("bridge")) == len(server.collections.library.search("bridge"))
        with pytest.raises(NotFoundError):
            rag.passage("none")


def test_what_cannot_be_added_is_said_as_without_a_server(isthmus, tmp_path):
    big = tmp_path / "big.txt"
    big.write_bytes(b"x" * 1_100_000)
    (big_result, missing) = isthmus("add", str(big), str(tmp_path / "missing.txt"), "--json")
    assert "the limit is 1 MB" in big_result["reason"]
    assert "there is no such file" in missing["reason"]


def test_a_name_that_fits_nothing_removes_nothing(isthmus):
    with pytest.raises(IsthmusError, match="No document is called 'none'"):
        isthmus("remove", "bridge", "none")
    assert "bridge" in [document["title"] for document in isthmus("list", "--json")]


def test_collections_are_made_used_and_deleted(isthmus, tmp_path):
    assert isthmus("collections", "create", "Amt & Co") == "created Amt & Co\n"
    file = tmp_path / "secret.txt"
    file.write_text("The vault opens with 7351.")
    isthmus("add", str(file), "-c", "Amt & Co")
    assert [d["title"] for d in isthmus("list", "-c", "Amt & Co", "--json")] == ["secret"]
    assert isthmus("search", "vault", "-c", "Amt & Co", "--json")[0]["passage"]["title"] == "secret"
    isthmus("collections", "rename", "Amt & Co", "Büro 1")
    isthmus("collections", "empty", "Büro 1")
    assert [(info["name"], info["documents"]) for info in isthmus("collections", "list", "--json")] == [
        ("library", 3),
        ("Büro 1", 0),
    ]
    isthmus("collections", "delete", "Büro 1")
    with pytest.raises(IsthmusError, match="No collection is called 'Büro 1'; there are: library"):
        isthmus("ask", QUESTION, "-c", "Büro 1")


def test_a_generator_of_ones_own_needs_a_library_of_ones_own(isthmus, server):
    with pytest.raises(IsthmusError, match=f"open in the server at {server.url}.*leave out --generator"):
        isthmus("ask", QUESTION, "--generator", "embedded")


def test_the_servers_errors_are_the_commands(isthmus, server):
    server.engine.error = GeneratorError("The generator is gone; start it again.")
    with pytest.raises(IsthmusError, match=r"^The generator is gone; start it again\.$"):
        isthmus("ask", QUESTION)
    server.engine.error = None


async def test_mcp_over_standard_input_and_output(command, server):
    line = command("mcp", ISTHMUS_LIBRARY=str(server.collections.library.settings.library))
    executable, *arguments = line["args"]
    assert executable == sys.executable
    parameters = StdioServerParameters(command=executable, args=arguments, env=line["env"])
    async with Client(stdio_client(parameters)) as client:
        answer = (await client.call_tool("ask", {"question": QUESTION})).structured_content
        (result, *_) = (await client.call_tool("search", {"query": "Eiffel"})).structured_content["results"]
        source = (await client.call_tool("fetch", {"id": result["id"]})).structured_content
    assert answer["text"] == server.collections.library.ask(QUESTION).text
    assert source["text"] == TEXTS["tower.txt"]
    assert source["url"].startswith(f"{server.url}/sources/")

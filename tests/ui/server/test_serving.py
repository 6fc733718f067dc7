"""How the server stops."""

import asyncio
import contextlib
import threading
import time

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.conftest import unused_port
from ui.server import serving
from ui.server.address import Address


class Answer:
    """An application that answers once it may, in a server that can be told to stop."""

    def __init__(self):
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.is_answering = False
        self.app = Starlette(routes=[Route("/", self.answer)])

    async def answer(self, _: Request) -> PlainTextResponse:
        self.is_answering = True
        self.begun.set()
        while not self.may_end.is_set():
            await asyncio.sleep(0.01)
        self.is_answering = False
        return PlainTextResponse("The answer.")


@pytest.fixture
def answer():
    return Answer()


@pytest.fixture
def server(answer):
    """The server, its thread, and a client."""
    address = Address("127.0.0.1", unused_port())
    with address.bind() as listener, httpx.Client(base_url=address.url, trust_env=False, timeout=30) as http:
        config = uvicorn.Config(answer.app, log_level="warning", timeout_graceful_shutdown=serving.SHUTDOWN_SECONDS)
        server = serving._Server(config, address, lambda: answer.is_answering, open_browser=False)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield server, thread, http
        answer.may_end.set()
        server.should_exit = True
        thread.join()


def test_an_answer_that_is_being_written_ends_and_nobody_new_is_let_in(answer, server):
    running, thread, http = server
    texts = []
    asking = threading.Thread(target=lambda: texts.append(http.get("/").text))
    asking.start()
    assert answer.begun.wait(30)
    running.should_exit = True
    while running.servers[0].is_serving():
        time.sleep(0.01)
    thread.join(serving.SHUTDOWN_SECONDS + 1)
    assert thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        httpx.get(http.base_url, trust_env=False)
    answer.may_end.set()
    asking.join()
    thread.join()
    assert texts == ["The answer."]


def test_an_answer_that_does_not_end_is_cut_off(answer, server, monkeypatch):
    monkeypatch.setattr(serving, "ANSWER_SECONDS", 0)
    running, thread, http = server
    texts = []

    def ask():
        with contextlib.suppress(httpx.HTTPError):
            texts.append(http.get("/").text)

    asking = threading.Thread(target=ask)
    asking.start()
    assert answer.begun.wait(30)
    running.should_exit = True
    thread.join()
    asking.join()
    assert "The answer." not in texts

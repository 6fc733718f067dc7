"""The server as one application, and what `isthmus page` does."""

import logging
import re
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI
from starlette.types import ASGIApp

from rag.documents.sample import add_sample
from rag.settings import Settings
from rag.types import Answer, AskOptions
from retriever.errors import IsthmusError
from retriever.languages.detection import detect_language
from ui.answering.answering import Answering
from ui.answering.request_context import current_request
from ui.page.app import build, mount
from ui.page.theme import HEAD
from ui.page.uploads import Uploads, open_uploads
from ui.server import dify, errors, health, login, logs, mcp_tools, oidc, openai_protocol, rest, sources
from ui.server.address import Address
from ui.server.gate import Gate, TrustedProxy, current_access, owner_token
from ui.server.guard import Guard
from ui.server.jobs import Jobs
from ui.server.limits import limits
from ui.server.requests import RequestRecorder
from ui.server.services import Services
from ui.server.serving import serve
from ui.server.telemetry import sending_spans
from ui.state.access import TOKEN_FILE
from ui.state.collections import Collections

logger = logging.getLogger(__name__)

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
UPLOADED_FILES = 20
"""Files of the largest size that can be uploaded at a time."""


def application(collections: Collections, address: Address, uploads: Uploads, answering: Answering) -> ASGIApp:
    """REST, the OpenAI protocol, MCP and Dify's knowledge, with the page at `/`, behind the guard."""
    settings = collections.library.settings
    jobs = Jobs(collections, uploads.jobs)

    async def ask(question: str, collection: str, options: AskOptions) -> Answer:
        questions = answering.of(collections.of(current_access()), current_request.get())
        return await questions.ask(question, collection, options)

    tools = mcp_tools.build(
        lambda name: collections.of(current_access()).use(name),
        address.public_url or address.url,
        ask,
        lambda tool, failed: collections.metrics.count_tool_call(tool, failed=failed),
    )
    mcp_app = tools.streamable_http_app(streamable_http_path="/mcp", stateless_http=True, host="0.0.0.0")  # noqa: S104

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as running:
            running.callback((settings.library / TOKEN_FILE).unlink, missing_ok=True)
            running.callback(jobs.close)
            jobs.resume()
            await running.enter_async_context(tools.session_manager.run())
            yield

    app = FastAPI(title="Isthmus", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.services = Services(address, collections, answering, uploads, jobs, CapacityLimiter(1))
    errors.install(app)
    for module in (rest, openai_protocol, dify, sources, health):
        app.include_router(module.router)
    app.include_router(login.session_router)
    if settings.login == "local":
        app.include_router(login.router)
    if settings.login == "oidc":
        oidc.install(app, settings)
    app.add_api_route("/v1/{path:path}", errors.no_such_route, methods=METHODS, include_in_schema=False)
    app.router.routes.extend(mcp_app.routes)
    page, translations = build(
        collections, uploads, answering, lambda: limits(settings, uploads, answering.queue.at_once)
    )
    mount(app, page, translations, address.host, address.port, settings.max_file_mb)
    is_reached = settings.login != "off" and not settings.documents_url  # by commands, which else open the library
    token = owner_token(settings.library) if is_reached else None
    proxy = TrustedProxy(settings.trusted_proxies, settings.proxy_user_header) if settings.login == "proxy" else None
    scripts = re.findall(r"<script>(.*?)</script>", HEAD, re.DOTALL)
    guard = Guard(Gate(app, collections.accounts, token, proxy), address, uploads, scripts)
    return RequestRecorder(guard, collections.metrics)


def launch(settings: Settings, *, open_browser: bool = False) -> None:
    """Open the library and serve until Ctrl-C; the generator starts meanwhile.

    Raises IsthmusError if the server cannot listen at the host and port, or must not.
    """
    logs.configure(settings.log_format)
    address = Address(settings.host, settings.port, settings.public_url)
    if settings.login == "off":
        _check_openness(address, open_to_network=settings.open_to_network)
    with (
        sending_spans(settings),
        address.bind() as listener,
        Collections(settings, holder=f"the Isthmus page at {address.url}", url=address.url) as collections,
        open_uploads(settings.library / "uploads", UPLOADED_FILES * settings.max_file_mb * 1_000_000) as uploads,
    ):
        if settings.sample and not collections.library.documents():
            add_sample(collections.library.library)
        threading.Thread(target=_warm_up, args=(collections,), daemon=True).start()
        if settings.login == "local" and not collections.accounts.users():
            logger.warning("Nobody can log in yet; add a user: isthmus users add NAME --role administrator")
        answering = Answering(collections)
        app = application(collections, address, uploads, answering)
        serve(app, answering.queue, address, listener, open_browser=open_browser)


def _check_openness(address: Address, *, open_to_network: bool) -> None:
    if address.is_loopback:
        return
    if not open_to_network:
        raise IsthmusError(
            f"The page has no login, and host {address.host!r} is open to other machines; leave host at "
            '127.0.0.1, have users log in (login = "local"), or allow it with the setting open_to_network = true.'
        )
    logger.warning(
        "The page is open to the network and has no login: whoever reaches port %s of this machine reads, adds and "
        "deletes documents.",
        address.port,
    )


def _warm_up(collections: Collections) -> None:
    """Load the language detector and the generator. If the generator cannot start, the page shows the error."""
    detect_language("Bonjour")
    try:
        _ = collections.library.engine
    except IsthmusError as error:
        logger.warning("%s", error)

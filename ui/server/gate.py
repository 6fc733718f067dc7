"""The gate: who sends a request. Every route behind it finds an `Access`, or is not reached."""

import ipaddress
import secrets
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from anyio import CapacityLimiter, to_thread
from pydantic import IPvAnyNetwork
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from retriever.errors import IsthmusError
from retriever.store.files import private
from ui.server.errors import database_error_response, error_response
from ui.state.access import OWNER, TOKEN_FILE, Access
from ui.state.access import Scope as KeyScope
from ui.state.accounts import Accounts, LoginError

AT_ONCE = 4
"""Requests whose sender is looked up at a time."""
COOKIE = "isthmus_session"
OPEN_PATHS = ("/login", "/login/callback", "/healthz", "/readyz")
"""What is answered without a login."""
UPLOAD_PATH = "/v1/documents"
_access: ContextVar[Access] = ContextVar("access")


def current_access() -> Access:
    """Who sends the request that is being answered."""
    return _access.get()


def owner_token(folder: Path) -> str:
    """A new secret, kept in a file that only this account reads."""
    token = secrets.token_urlsafe(32)
    path = folder / TOKEN_FILE
    path.unlink(missing_ok=True)
    with open(path, "x", encoding="ascii", opener=private) as file:
        file.write(token)
    return token


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """Proxies that log users in, and the header in which they name them."""

    addresses: Sequence[IPvAnyNetwork]
    header: str

    def user(self, request: Request) -> str | None:
        """Whom a trusted proxy names; None if the request comes from elsewhere, or names nobody or several."""
        names = request.headers.getlist(self.header)
        client = request.client
        if client is None or len(names) != 1 or not names[0].strip():
            return None
        address = ipaddress.ip_address(client.host)
        return names[0] if any(address in network for network in self.addresses) else None


class Gate:
    """An ASGI application that passes on the requests of users and keys.

    `token` is the owner's, None if no login is asked for; `proxy` tells who logs users in, if proxies do.
    """

    def __init__(self, app: ASGIApp, accounts: Accounts, token: str | None, proxy: TrustedProxy | None = None) -> None:
        self.app = app
        self.accounts = accounts
        self.token = token
        self.proxy = proxy
        self._turns = CapacityLimiter(AT_ONCE)  # of its own, so that no route can take all threads from it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            access = (
                await to_thread.run_sync(self._access, Request(scope), limiter=self._turns) if self.token else OWNER
            )
            if access and scope["method"] == "POST" and scope["path"].rstrip("/") == UPLOAD_PATH:
                access.check(KeyScope.WRITE)  # the route checks it too, but gets to see it once the files are read
        except IsthmusError as error:
            await error_response(error)(scope, receive, send)
            return
        except SQLAlchemyError as error:
            await database_error_response(error)(scope, receive, send)
            return
        if access is None and scope["path"] not in OPEN_PATHS:
            await _refusal(scope)(scope, receive, send)
            return
        if access:
            scope.setdefault("state", {})["access"] = access
            _access.set(access)
        await self.app(scope, receive, send)

    def _access(self, request: Request) -> Access | None:
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            if self.token and secrets.compare_digest(secret.encode(), self.token.encode()):
                return OWNER
            return self.accounts.key_access(secret)
        if self.proxy and (name := self.proxy.user(request)):
            return self.accounts.external_access(name)
        cookie = request.cookies.get(COOKIE)
        return self.accounts.session_access(cookie) if cookie else None


def _refusal(scope: Scope) -> Response:
    """A browser is sent to the login, a program gets an error."""
    headers = Headers(scope=scope)
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        return RedirectResponse("/login", 303)
    response = error_response(LoginError("This needs a login or a key; send Authorization: Bearer KEY."))
    response.headers["WWW-Authenticate"] = "Bearer"
    return response

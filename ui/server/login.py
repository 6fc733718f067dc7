"""The login page of the browser."""

from html import escape
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ui.answering.fair_queue import OverloadError
from ui.page.strings import strings_for
from ui.server.gate import COOKIE
from ui.server.services import OriginOf, ServicesOf
from ui.state.accounts import SESSION, LoginError

router = APIRouter(include_in_schema=False)
"""Login by a password that is kept here."""
session_router = APIRouter(include_in_schema=False)
"""The end of a session, however it began."""

MAX_WAITING = 20
"""Logins that wait; more are refused."""
STYLE = (
    "body{font:1rem/1.6 sans-serif;max-width:20rem;margin:15vh auto;padding:0 1rem}"
    "label{display:block;margin:1rem 0}input,button{font:inherit;width:100%;padding:.5rem;box-sizing:border-box}"
)


@router.get("/login")
async def login_page(request: Request) -> HTMLResponse:
    """The form."""
    return _form(request)


@router.post("/login")
async def log_in(
    request: Request,
    services: ServicesOf,
    origin: OriginOf,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=2000)],
) -> Response:
    """Start a session, or show the form again with what was wrong."""
    if services.logins.statistics().tasks_waiting >= MAX_WAITING:
        raise OverloadError("Too many people log in right now; try again in a minute.")
    try:
        secret = await to_thread.run_sync(services.collections.accounts.log_in, name, password, limiter=services.logins)
    except LoginError as error:
        return _form(request, str(error))
    return session_response(secret, origin)


def session_response(secret: str, origin: str) -> RedirectResponse:
    """Send the browser to the page, with the cookie of its session."""
    response = RedirectResponse("/", 303)
    is_secure = origin.startswith("https:")
    seconds = int(SESSION.total_seconds())
    response.set_cookie(COOKIE, secret, max_age=seconds, httponly=True, samesite="lax", secure=is_secure)
    return response


@session_router.post("/logout")
def log_out(request: Request, services: ServicesOf) -> Response:
    """End the session."""
    services.collections.accounts.log_out(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


def _form(request: Request, error: str = "") -> HTMLResponse:
    words = {key: escape(text) for key, text in strings_for(request).items()}
    problem = f'<p role="alert" dir="auto">{escape(error)}</p>' if error else ""
    return HTMLResponse(
        f'<!doctype html><html dir="{words["direction"]}"><meta charset="utf-8"><title>Isthmus</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><h1>Isthmus</h1>{problem}'
        f'<form method="post"><label>{words["user_name"]}<input name="name" autocomplete="username" required></label>'
        f'<label>{words["password"]}<input name="password" type="password" autocomplete="current-password" required>'
        f"</label><button>{words['log_in']}</button></form></html>",
        401 if error else 200,
    )

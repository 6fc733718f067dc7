"""Errors over HTTP: one sentence in the form of OpenAI's API, with the status that fits."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from rag.errors import GeneratorError, GeneratorOverloadError
from retriever.errors import IsthmusError, LibraryBusyError, NotFoundError
from ui.answering.fair_queue import OverloadError, StoppingError
from ui.state.access import ForbiddenError
from ui.state.accounts import LoginError, TooManyRequestsError

logger = logging.getLogger(__name__)


class DatabaseError(IsthmusError):
    """The server's database failed."""


STATUSES: dict[type[IsthmusError], int] = {
    LoginError: 401,
    ForbiddenError: 403,
    TooManyRequestsError: 429,
    DatabaseError: 500,
    NotFoundError: 404,
    LibraryBusyError: 409,
    GeneratorOverloadError: 503,
    GeneratorError: 502,
    OverloadError: 503,
    StoppingError: 503,
    IsthmusError: 400,
}
"""The first class that an error has decides."""
RETRY_SECONDS = 5
"""When to ask again after 503, in its Retry-After."""


def error_body(error: IsthmusError) -> dict[str, dict[str, str]]:
    """An error as the body of a response or of an event."""
    return _body(str(error), type(error).__name__)


def error_response(error: IsthmusError) -> JSONResponse:
    """An error as a response."""
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else None
    return JSONResponse(error_body(error), status, headers)


def database_error_response(error: SQLAlchemyError) -> JSONResponse:
    """A failure of the database as a response; the log has the cause."""
    logger.error("The server's database failed.", exc_info=error)
    return error_response(DatabaseError("The server's database failed; its log says why. Check its disk or server."))


def install(app: FastAPI) -> None:
    """Have the application answer errors so."""

    @app.exception_handler(IsthmusError)
    async def isthmus_error(_: Request, error: IsthmusError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(SQLAlchemyError)
    async def database_error(_: Request, error: SQLAlchemyError) -> JSONResponse:
        return database_error_response(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"The request is not valid at {place}: {first['msg']}."
        return JSONResponse(_body(message, "invalid_request_error"), 422)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(_body(f"{error.detail}.", "http_error"), error.status_code, headers=error.headers)


def no_such_route(path: str) -> None:
    """Stands last, before the page, whose own error would be in another form."""
    raise NotFoundError("There is no such route, or not with this method; /openapi.json describes what there is.")


def _body(message: str, kind: str) -> dict[str, dict[str, str]]:
    return {"error": {"message": message, "type": kind}}

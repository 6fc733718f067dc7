"""Requests: each gets an id, is counted, and logged without its query, headers and body."""

import logging
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.answering.request_context import RequestContext, Way, current_request, preferred_languages, way_of
from ui.state.metrics import Metrics

logger = logging.getLogger(__name__)

CLIENT_GONE = 499
"""Stands for the status of a request whose client went away before the response began."""


class RequestRecorder:
    """An ASGI application that passes requests on with a `RequestContext`: in `state.context`, and the current one."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = scope.get("client")
        languages = preferred_languages(Headers(scope=scope).get("accept-language", ""))
        request = RequestContext(uuid.uuid4().hex, way_of(scope["path"]), client[0] if client else "", languages)
        scope.setdefault("state", {})["context"] = request
        current_request.set(request)
        start = time.perf_counter()
        status = CLIENT_GONE

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request.id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            status = 500
            raise
        finally:
            self._record(scope, request, status, time.perf_counter() - start)

    def _record(self, scope: Scope, request: RequestContext, status: int, seconds: float) -> None:
        self.metrics.count_request(request.way, status, seconds)
        level = logging.DEBUG if request.way is Way.HEALTH else logging.INFO
        fields = {"request": request.id, "way": request.way, "status": status, "seconds": round(seconds, 3)}
        logger.log(level, "%s %s", scope["method"], scope["path"], extra=fields)

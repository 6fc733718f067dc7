"""Whether the server lives, whether it can answer, and its counters; for supervisors and load balancers."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from retriever.errors import NotFoundError
from ui.server.services import ServicesOf, ViewOf
from ui.state.access import Scope

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(services: ServicesOf, response: Response) -> dict[str, str]:
    """The library is open and the generator has started; 503 until then, and when the server stops."""
    is_stopping = services.answering.queue.is_closed
    if services.collections.library.has_engine and not is_stopping:
        return {"status": "ok"}
    response.status_code = 503
    return {"status": "stopping" if is_stopping else "starting"}


@router.get("/metrics", include_in_schema=False)
def metrics(services: ServicesOf, view: ViewOf) -> Response:
    """The counters, if the setting `metrics` is on."""
    view.access.check(Scope.ADMIN)
    if not services.collections.library.settings.metrics:
        raise NotFoundError("The server's counters are off; set metrics = true.")
    return Response(services.collections.metrics.text(), media_type=CONTENT_TYPE_LATEST)

"""Whether the server lives, and whether it can answer; for supervisors and load balancers."""

from fastapi import APIRouter, Response

from rag.errors import GeneratorError
from ui.server.services import ServicesOf

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(services: ServicesOf, response: Response) -> dict[str, str]:
    """The library is open and the generator has started; 503 until then, with the reason."""
    try:
        return {"status": "ok", "generator": services.collections.library.engine.label}
    except GeneratorError as error:
        response.status_code = 503
        return {"status": "unavailable", "reason": str(error)}

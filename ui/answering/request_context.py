"""Where a request comes from: for its place in the queue, the counters and the log."""

from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """A way in."""

    PAGE = "page"
    REST = "rest"
    OPENAI = "openai"
    MCP = "mcp"
    DIFY = "dify"
    HEALTH = "health"  # supervisors and Prometheus


PATHS = {
    "/v1/chat/": Way.OPENAI,
    "/v1/responses": Way.OPENAI,
    "/v1/models": Way.OPENAI,
    "/v1/": Way.REST,
    "/mcp": Way.MCP,
    "/retrieval": Way.DIFY,
    "/healthz": Way.HEALTH,
    "/readyz": Way.HEALTH,
    "/metrics": Way.HEALTH,
}
"""How the paths of each way in begin, but the page's; the first that fits decides."""


MAX_LANGUAGES = 20
"""Preferred languages of a request that are read: each is looked up on disk."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request: its id, its way in, the address that it comes from, and the languages that its sender prefers."""

    id: str
    way: Way
    address: str
    languages: tuple[str, ...] = ()


current_request: ContextVar[RequestContext] = ContextVar("request")
"""The request that is being answered; what Gradio runs later has none."""


def way_of(path: str) -> Way:
    """The way in that a path belongs to.

    >>> way_of("/v1/models/library"), way_of("/v1/ask"), way_of("/gradio_api/queue/join")
    (<Way.OPENAI: 'openai'>, <Way.REST: 'rest'>, <Way.PAGE: 'page'>)
    """
    return next((way for beginning, way in PATHS.items() if path.startswith(beginning)), Way.PAGE)


def preferred_languages(header: str) -> tuple[str, ...]:
    """The tags of an Accept-Language header, the best first, at most MAX_LANGUAGES; malformed parts are left out.

    >>> preferred_languages("en;q=0.5, ro-RO, hu;q=much, *;q=0.1")
    ('ro-RO', 'en', '*')
    """
    weighted = []
    for part in header.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weighted.append((-float(quality or 1), tag))
        except ValueError:
            continue
    return tuple(tag for _, tag in sorted(weighted, key=lambda pair: pair[0]) if tag)[:MAX_LANGUAGES]

"""What every route needs, and how it gets it."""

from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request

from ui.answering.answering import Answering, Questions
from ui.page.uploads import Uploads
from ui.server.address import Address
from ui.server.jobs import Jobs
from ui.state.access import Access
from ui.state.collections import Collections
from ui.state.view import CollectionsView


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running server."""

    address: Address
    collections: Collections
    answering: Answering
    uploads: Uploads
    jobs: Jobs
    logins: CapacityLimiter
    """Whose turn it is to log in: each takes 64 MB and a second."""


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _origin(request: Request) -> str:
    """What the addresses in a response begin with: the server under the name that the client used."""
    address = _services(request).address
    return address.origin(request.headers.get("host", "")) or address.url


def _view(request: Request) -> CollectionsView:
    access: Access = request.state.access
    return _services(request).collections.of(access)


def _questions(request: Request) -> Questions:
    return _services(request).answering.of(_view(request), request.state.context)


ServicesOf = Annotated[Services, Depends(_services)]
OriginOf = Annotated[str, Depends(_origin)]
ViewOf = Annotated[CollectionsView, Depends(_view)]
"""The collections as the sender of the request sees them."""
QuestionsOf = Annotated[Questions, Depends(_questions)]
"""What asks in the name of the request."""

"""The connection to a Qdrant server, and what its faults mean for the user."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from retriever.address import shown_url
from retriever.errors import IsthmusError, StoreServerError

LEAST_VERSION = (1, 18)
"""Earlier servers have no copies of 4 bits."""
TIMEOUT = 60
"""Seconds until a request counts as unanswered."""


class _HasPlace(Protocol):
    place: str


_Stored = TypeVar("_Stored", bound=_HasPlace)
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class QdrantServer:
    """A connection that the stores of one library share; `place` is how messages call the server."""

    client: QdrantClient
    place: str

    def close(self) -> None:
        """End the connection."""
        self.client.close()


def connect(url: str, api_key: str | None = None) -> QdrantServer:
    """The server at a URL. Raises IsthmusError if none answers there, or one that is too old."""
    place = shown_url(url)
    client = QdrantClient(url=url, api_key=api_key, timeout=TIMEOUT, check_compatibility=False)
    try:
        version = client.info().version
    except (ApiException, QdrantException, ValueError) as error:  # ValueError: what answers is no Qdrant
        client.close()
        if isinstance(error, UnexpectedResponse) and error.status_code in (401, 403):
            raise IsthmusError(f"The Qdrant server at {place} refuses the key; correct qdrant_api_key.") from error
        raise IsthmusError(
            f"No Qdrant server answers at {place} ({_cause(error)}). Start it, or unset qdrant_url."
        ) from error
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
        client.close()
        least = ".".join(map(str, LEAST_VERSION))
        raise IsthmusError(f"The Qdrant server at {place} is {version}; update it to {least} or newer.")
    return QdrantServer(client, place)


def calls_qdrant(
    method: Callable[Concatenate[_Stored, _Arguments], _Result],
) -> Callable[Concatenate[_Stored, _Arguments], _Result]:
    """A method that says in one sentence that the server has gone, or that it failed."""

    @functools.wraps(method)
    def call(stored: _Stored, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return method(stored, *args, **kwargs)
        except ResponseHandlingException as error:
            fault = f"The Qdrant server at {stored.place} does not answer any more"
            raise StoreServerError(fault, error) from error
        except (ApiException, QdrantException) as error:
            fault = f"The Qdrant server at {stored.place} answers with an error"
            raise StoreServerError(fault, _cause(error), "see its log") from error

    return call


def _cause(error: Exception) -> str:
    """What an error says, in one line: the client writes the server's answer below it."""
    return " ".join(str(error).split())

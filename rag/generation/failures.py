"""What went wrong at a server of the OpenAI protocol: whether to ask again, and one sentence for the user."""

import random

import httpx2
import openai

from rag.errors import GeneratorError, GeneratorOverloadError
from rag.generation.messages import CONTEXT_EXCEEDED, took_too_long

OVERLOAD = (408, 429, 503)
"""What a server answers that has too much to do, or a router before it: of vllm-router 408, of vLLM 503."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds before a request is sent again; each pause is twice the one before."""
QUOTED_CHARACTERS = 300
"""Longest quotation of a server's message."""
MALFORMED = (openai.APIError, httpx2.HTTPError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What a reply raises that breaks off or is not as the protocol says: its types are not checked on the way."""


def retry_pause(error: openai.APIError, attempt: int) -> float | None:
    """Seconds to wait before a request is sent again; None if that would not help.

    The server's Retry-After counts if it is in seconds and longer than ours.
    """
    pause: float = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) * random.uniform(0.75, 1)
    if isinstance(error, openai.APIConnectionError):
        return None if _is_slow(error) else pause
    if not isinstance(error, openai.APIStatusError):
        return pause if _overload_status(error) else None
    if not _overload_status(error) and error.status_code != 409 and error.status_code < 500:
        return None
    requested_pause = error.response.headers.get("Retry-After", "")
    return max(pause, float(requested_pause)) if requested_pause.isdecimal() else pause


def failure(error: Exception, *, url: str, api_key: str, timeout: float) -> GeneratorError:
    """What a call raised, in one sentence on what went wrong and what to do. `url` is shown, `api_key` never."""
    if isinstance(error, openai.APIError) and (status := _overload_status(error)):
        return GeneratorOverloadError(f"The generator at {url} is overloaded (HTTP {status}); ask again in a moment.")
    return GeneratorError(_sentence(error, url, api_key, timeout))


def _sentence(error: Exception, url: str, api_key: str, timeout: float) -> str:
    if isinstance(error, httpx2.InvalidURL):
        return f"{url} is no web address; correct the setting endpoint."
    if isinstance(error, openai.APIConnectionError) and not _is_slow(error):
        return (
            f"No generator answers at {url}; start it (`isthmus serve`), correct the setting endpoint, "
            "or set generator to embedded."
        )
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return took_too_long(f"at {url}", timeout)
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return f"The generator at {url} refused the key; set api_key (ISTHMUS_API_KEY)."
    if isinstance(error, openai.NotFoundError):
        return f"The generator at {url} knows no such model or address; check endpoint and model."
    if isinstance(error, openai.BadRequestError):
        if any(word in str(error).lower() for word in ("context", "too long", "maximum", "exceed")):
            return CONTEXT_EXCEEDED
        reason = " ".join(str(error).replace(api_key, "…").split())[:QUOTED_CHARACTERS]
        return f"The generator at {url} did not accept the request: {reason}."
    if isinstance(error, openai.APIStatusError):
        return f"The generator at {url} failed (HTTP {error.status_code}); try again later."
    return f"The answer of the generator at {url} broke off or made no sense; ask again."


def _overload_status(error: openai.APIError) -> int | None:
    """The status of a server that has too much to do, else None. vLLM may say so only once its stream has begun."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code if error.status_code in OVERLOAD else None
    return next((status for status in OVERLOAD if error.code == str(status)), None)


def _is_slow(error: openai.APIConnectionError) -> bool:
    """Whether a server was reached that took too long."""
    return isinstance(error, openai.APITimeoutError) and not isinstance(error.__cause__, httpx2.ConnectTimeout)

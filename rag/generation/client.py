"""Chat completion over the OpenAI protocol: one client for a remote endpoint, vLLM and the embedded engine."""

import math
import re
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import httpx
import openai

from rag.errors import GeneratorError
from rag.generation.engine import Message

ENDPOINT_EVIDENCE_TOKENS = 1500
"""Tokens of passages in a prompt for a server of unknown speed; the embedded engine takes far fewer."""
PROBE_SECONDS = 1.0
SMALL_BILLIONS = 4
"""A model of fewer parameters (10^9) is small."""
TOP_LOGPROBS = 20
"""Tokens whose probabilities are requested."""


class ChatClient:
    """A client of one OpenAI-compatible server.

    `timeout` bounds the whole of one answer in seconds, whatever the server does. Refused connections, overload (429)
    and server errors (5xx) are retried with back-off before any text has come. `model` of None is the server's first.
    Raises GeneratorError if that is to be read from the server and it cannot be reached.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str | None,
        api_key: str,
        timeout: float,
        label: str | None = None,
        evidence_tokens: int = ENDPOINT_EVIDENCE_TOKENS,
        retries: int = 3,
    ) -> None:
        self.base_url = base_url
        self.evidence_tokens = evidence_tokens
        self._timeout = timeout
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key,
            max_retries=retries,
            timeout=openai.Timeout(timeout, connect=min(5.0, timeout)),
        )
        if model is None:
            with self._explain_errors():
                served_models = self._client.models.list().data
            if not served_models:
                raise GeneratorError(f"The generator at {base_url} serves no model; start it with one.")
            model = served_models[0].id
        self.model = model
        self.small = is_small_model(model)
        self.label = label or f"{model} at {base_url}"

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        """See `Engine.stream`. Temperature is 0."""
        with self._explain_errors():
            response = self._client.chat.completions.create(
                model=self.model,
                messages=cast(Any, list(messages)),
                max_tokens=max_tokens,
                temperature=0,
                seed=0,
                stream=True,
            )
            expired = threading.Event()

            def expire() -> None:
                expired.set()
                response.close()

            # The read time-out does not see a server that keeps the line open and sends no text.
            timer = threading.Timer(self._timeout, expire)
            timer.daemon = True
            timer.start()
            has_text = False
            try:
                for chunk in response:
                    if chunk.choices and (piece := chunk.choices[0].delta.content):
                        has_text = True
                        yield piece
            except Exception:
                if not expired.is_set():
                    raise
            finally:
                timer.cancel()
                response.close()
            if expired.is_set():
                raise GeneratorError(self._timeout_message())
            if not has_text:
                raise GeneratorError(
                    f"The generator ({self.label}) gave an empty answer; ask again or use another model."
                )

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        """What the model writes after a text, without any chat template, at temperature 0. Raises GeneratorError."""
        with self._explain_errors():
            response = self._client.completions.create(
                model=self.model, prompt=prompt, max_tokens=max_tokens, temperature=0, seed=0
            )
            return response.choices[0].text

    def first_token(self, messages: Sequence[Message]) -> dict[str, float]:
        """See `Engine.first_token`."""
        with self._explain_errors():
            response = self._client.chat.completions.create(
                model=self.model,
                messages=cast(Any, list(messages)),
                max_tokens=1,
                temperature=0,
                seed=0,
                logprobs=True,
                top_logprobs=TOP_LOGPROBS,
            )
            logprobs = response.choices[0].logprobs
            if logprobs is None or not logprobs.content:
                raise GeneratorError(f"The generator at {self.base_url} tells no probabilities; set rerank to late.")
            return {top.token: math.exp(top.logprob) for top in logprobs.content[0].top_logprobs}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _timeout_message(self) -> str:
        return (
            f"The generator at {self.base_url} took longer than {self._timeout:g} seconds; "
            "ask again, give it more time (setting timeout), or use a smaller model."
        )

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        """Turn what the protocol's client raises into a GeneratorError with one sentence for the user."""
        url = self.base_url
        try:
            yield
        except (openai.APITimeoutError, httpx.TimeoutException) as error:
            raise GeneratorError(self._timeout_message()) from error
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise GeneratorError(f"The generator at {url} refused the key; set api_key (ISTHMUS_API_KEY).") from error
        except openai.NotFoundError as error:
            raise GeneratorError(
                f"The generator at {url} knows no such model or address; check endpoint and model."
            ) from error
        except openai.BadRequestError as error:
            if any(word in str(error).lower() for word in ("context", "too long", "maximum", "exceed")):
                message = (
                    "The question and its passages are longer than the generator's context; lower evidence_tokens."
                )
                raise GeneratorError(message) from error
            raise GeneratorError(f"The generator at {url} did not accept the request: {error}.") from error
        except openai.APIConnectionError as error:
            raise GeneratorError(
                f"No generator answers at {url}; start it (`isthmus serve`), correct the setting endpoint, "
                "or set generator to embedded."
            ) from error
        except openai.APIStatusError as error:
            raise GeneratorError(
                f"The generator at {url} failed (HTTP {error.status_code}); try again later."
            ) from error
        except (openai.APIError, httpx.HTTPError, ValueError) as error:
            raise GeneratorError(
                f"The answer of the generator at {url} broke off or made no sense; ask again."
            ) from error


def is_small_model(model: str) -> bool:
    """Whether a model's name gives a size under SMALL_BILLIONS.

    >>> is_small_model("Qwen2.5-1.5B-Instruct"), is_small_model("Llama-3.1-8B")
    (True, False)
    """
    sizes = re.findall(r"(?<![\d.])(\d+(?:\.\d+)?)([bm])(?![a-z])", model.lower())
    return any(float(size) / (1000 if unit == "m" else 1) < SMALL_BILLIONS for size, unit in sizes)


def vllm_model_at(base_url: str) -> str | None:
    """The model that a vLLM server at this address serves; None if there is no such server."""
    try:
        reply = httpx.get(f"{base_url}/models", timeout=PROBE_SECONDS)
        model = reply.raise_for_status().json()["data"][0]
    except (httpx.HTTPError, ValueError, LookupError, TypeError):  # whatever is there, it is no vLLM
        return None
    return str(model["id"]) if model.get("owned_by") == "vllm" else None

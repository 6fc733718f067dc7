"""Chat completion over the OpenAI protocol: one client for a remote endpoint, vLLM and the embedded engine."""

import itertools
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import httpx2
import openai
from openai.types.chat import ChatCompletion

from rag.errors import GeneratorError, NoProbabilitiesError
from rag.generation.connection import Deadline, ReplyError, open_client
from rag.generation.engine import Completion, Message
from rag.generation.failures import MALFORMED, failure, retry_pause
from rag.generation.messages import empty_answer, took_too_long
from rag.generation.model_size import is_small, parameters_in_name
from rag.generation.tracing import is_recording, record_usage
from retriever.address import shown_url

ENDPOINT_EVIDENCE_TOKENS = 1500
"""Tokens of passages in a prompt for a server of unknown speed; the embedded engine takes far fewer."""
PROBE_SECONDS = 1.0
TOP_LOGPROBS = 20
"""Tokens whose probabilities are requested."""
MIN_LOGPROB = -20.0
"""Stands in for the log-probability of a token that is not reported."""
TOKEN_CHARACTERS, SPARE_CHARACTERS = 8, 256
"""An answer is cut after so many characters a token, and some to spare: not every server keeps to max_tokens."""

Reply = TypeVar("Reply")
Chunk = TypeVar("Chunk")


class ChatClient:
    """A client of one OpenAI-compatible server.

    `timeout` bounds the whole of one call in seconds, whatever the server does: silence, retries and the answer
    itself. Refused connections, overload (408, 429, 503) and server errors (5xx) are retried with back-off before any
    text has come, as long as time is left; if overload lasts, GeneratorOverloadError is raised. `model` of None is the
    server's first. Raises GeneratorError if that is to be read from the server and it cannot be reached.
    """

    provider = "openai"
    """For spans: whose protocol it speaks."""

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
        self._api_key = api_key
        self._timeout = timeout
        self._retries = retries
        self._shown_url = shown_url(base_url)
        self._calls: set[Deadline] = set()
        self.parameters: float | None = None
        """How many the model has, as far as the server or the model's name tells."""
        self.model = model or self._first_model()
        self.parameters = self.parameters or parameters_in_name(self.model)
        self.small = is_small(self.parameters)
        self.label = label or f"{self.model} at {self._shown_url}"

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        """See `Engine.stream`. Temperature is 0."""
        with self._call() as (client, deadline):
            response, first_chunk = self._send(
                deadline,
                lambda: _begin(
                    client.chat.completions.create(
                        model=self.model,
                        messages=cast(Any, list(messages)),
                        max_tokens=max_tokens,
                        temperature=0,
                        seed=0,
                        stream=True,
                        stream_options={"include_usage": True} if is_recording() else openai.omit,
                    )
                ),
            )
            with response:
                length = 0
                for chunk in _chunks(first_chunk, response):
                    _record_usage(chunk)
                    if not chunk.choices or not (piece := chunk.choices[0].delta.content):
                        continue
                    piece = checked_text(piece)[: longest_answer(max_tokens) - length]
                    length += len(piece)
                    yield piece
                    if length == longest_answer(max_tokens):
                        return
            if deadline.is_shut:  # to the reader that may look like an end
                raise GeneratorError(self._shut_message(deadline))
            if not length:
                raise GeneratorError(empty_answer(self.label))

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        """What the model writes after a text, without any chat template, at temperature 0. Raises GeneratorError."""
        with self._call() as (client, deadline):
            response = self._send(
                deadline,
                lambda: client.completions.create(
                    model=self.model, prompt=prompt, max_tokens=max_tokens, temperature=0, seed=0
                ),
            )
            return checked_text(response.choices[0].text)[: longest_answer(max_tokens)]

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Completion:
        """See `Engine.answer`."""
        choice = self._reply(messages, max_tokens, logprobs=True, top_logprobs=1).choices[0]
        text = checked_text(choice.message.content or "")[: longest_answer(max_tokens)].strip()
        tokens = choice.logprobs.content if choice.logprobs else None
        return Completion(text, tuple(float(token.logprob) for token in tokens or ()))

    def choice_logprobs(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """See `Engine.choice_logprobs`."""
        logprobs = self._reply(messages, 1, logprobs=True, top_logprobs=TOP_LOGPROBS).choices[0].logprobs
        if logprobs is None or not logprobs.content:
            raise NoProbabilitiesError(
                f"The generator at {self._shown_url} tells no probabilities; set rerank to late, and reader to write."
            )
        tops = [(checked_text(top.token), float(top.logprob)) for top in logprobs.content[0].top_logprobs]
        least = min((logprob for _, logprob in tops), default=MIN_LOGPROB)
        return [first_token_logprob(choice, tops, least) for choice in choices]

    def text_logprob(self, messages: Sequence[Message], text: str) -> float:
        """See `Engine.text_logprob`. Of the servers only vLLM tells it."""
        answered = [*messages, {"role": "assistant", "content": text}]
        to_the_end = {"prompt_logprobs": 0, "add_generation_prompt": False, "continue_final_message": True}
        try:
            told: Any = self._reply(answered, 1, extra_body=to_the_end)
            tokens = list(told.prompt_logprobs)
            asked: Any = self._reply(messages, 1)
            end = tokens[asked.usage.prompt_tokens :]
            return sum(float(token["logprob"]) for alternatives in end for token in alternatives.values())
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise NoProbabilitiesError(f"{self._shown_url} tells no probabilities of a text.") from error
        except GeneratorError as error:
            if isinstance(error.__cause__, openai.BadRequestError):  # it knows no such option
                raise NoProbabilitiesError(str(error)) from error
            raise

    def close(self) -> None:
        """End the calls that are under way."""
        for deadline in list(self._calls):
            deadline.shut()

    def _reply(self, messages: Sequence[Message], max_tokens: int, **options: Any) -> ChatCompletion:
        """One whole answer, with more options of the protocol."""
        with self._call() as (client, deadline):
            response: ChatCompletion = self._send(
                deadline,
                lambda: client.chat.completions.create(
                    model=self.model,
                    messages=cast(Any, list(messages)),
                    max_tokens=max_tokens,
                    temperature=0,
                    seed=0,
                    **options,
                ),
            )
            _record_usage(response)
            return response

    def _first_model(self) -> str:
        with self._call() as (client, deadline):
            served_models = self._send(deadline, client.models.list).data
            if not served_models:
                raise GeneratorError(f"The generator at {self._shown_url} serves no model; start it with one.")
            metadata = getattr(served_models[0], "meta", None)  # llama.cpp's servers tell it
            count = metadata.get("n_params") if isinstance(metadata, dict) else None
            self.parameters = float(count) if isinstance(count, int) else None
            return checked_text(served_models[0].id)

    @contextmanager
    def _call(self) -> Iterator[tuple[openai.OpenAI, Deadline]]:
        """A client of the protocol for one call, and the end of the call.

        What the client raises becomes a GeneratorError with one sentence for the user.
        """
        with Deadline(self._timeout) as deadline:
            self._calls.add(deadline)
            try:
                with self._open_http(deadline) as http:
                    yield (
                        openai.OpenAI(
                            base_url=self.base_url,
                            api_key=self._api_key,
                            max_retries=0,
                            timeout=http.timeout,
                            http_client=http,
                            # Else OPENAI_CUSTOM_HEADERS of the environment may replace it.
                            default_headers={"Authorization": f"Bearer {self._api_key}"},
                        ),
                        deadline,
                    )
            except (*MALFORMED, httpx2.InvalidURL) as error:
                if deadline.is_shut or not deadline.remaining:
                    raise GeneratorError(self._shut_message(deadline)) from error
                raise failure(error, url=self._shown_url, api_key=self._api_key, timeout=self._timeout) from error
            finally:
                self._calls.discard(deadline)

    def _open_http(self, deadline: Deadline) -> httpx2.Client:
        try:
            return open_client(self.base_url, deadline)
        except (ImportError, ValueError, httpx2.InvalidURL) as error:
            raise GeneratorError(
                "The proxy that the environment names (HTTP_PROXY, HTTPS_PROXY or ALL_PROXY) cannot be used; "
                "correct it or unset it."
            ) from error

    def _send(self, deadline: Deadline, request: Callable[[], Reply]) -> Reply:
        """Send a request, again and again while that may help and time is left."""
        for attempt in range(self._retries):
            try:
                return request()
            except openai.APIError as error:
                pause = retry_pause(error, attempt)
                if pause is None or pause >= deadline.remaining or deadline.is_shut:
                    raise
            time.sleep(pause)
        return request()

    def _shut_message(self, deadline: Deadline) -> str:
        if deadline.remaining:
            return f"The generator at {self._shown_url} was closed while it answered; ask again."
        return took_too_long(f"at {self._shown_url}", self._timeout)


def _begin(stream: openai.Stream[Chunk]) -> tuple[openai.Stream[Chunk], list[Chunk]]:
    """A stream and its first chunk, if there is one: what fails before that can be asked for again."""
    try:
        return stream, list(itertools.islice(stream, 1))
    except BaseException:
        stream.close()
        raise


def _chunks(first_chunk: list[Chunk], stream: openai.Stream[Chunk]) -> Iterator[Chunk]:
    """All chunks of a stream that has begun. Raises ReplyError if it breaks off."""
    yield from first_chunk
    try:
        yield from stream
    except openai.APIConnectionError as error:  # to the user that is no server that does not answer
        raise ReplyError("the reply broke off") from error


def _record_usage(reply: object) -> None:
    """Put the tokens that a reply tells of, which not every one does, into the span of the call."""
    if usage := getattr(reply, "usage", None):
        record_usage(getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))


def checked_text(value: object) -> str:
    """A text of a reply. Raises TypeError if it is none."""
    if not isinstance(value, str):
        raise TypeError(f"the reply has {type(value).__name__} in place of a text")
    return value


def first_token_logprob(choice: str, tops: Sequence[tuple[str, float]], least: float) -> float:
    """The log-probability of the longest of the likeliest tokens that the choice begins with, else `least`.

    >>> first_token_logprob("Yes", [("Yes", -0.4), (" Yes", -7.0), ("Y", -3.0)], -7.0)
    -0.4
    """
    words = [(token.strip(), logprob) for token, logprob in tops]
    beginnings = [(len(word), logprob) for word, logprob in words if word and choice.startswith(word)]
    return max(beginnings)[1] if beginnings else least


def longest_answer(max_tokens: int) -> int:
    """Characters after which an answer of so many tokens is cut.

    >>> longest_answer(200)
    1856
    """
    return TOKEN_CHARACTERS * max_tokens + SPARE_CHARACTERS


def vllm_model_at(base_url: str) -> str | None:
    """The model that a vLLM server at this address serves; None if there is no such server."""
    try:
        with Deadline(PROBE_SECONDS) as deadline, open_client(base_url, deadline) as http:
            model = http.get(f"{base_url}/models").raise_for_status().json()["data"][0]
            return checked_text(model["id"]) if model["owned_by"] == "vllm" else None
    except MALFORMED:  # whatever is there, it is no vLLM
        return None

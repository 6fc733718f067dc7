"""OpenTelemetry spans of the generator's calls, named as its conventions for generative AI say.

Nothing is recorded unless the program sets up an SDK, as the server does if it is told to.
"""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from rag.generation.engine import Completion, Engine, Message

T = TypeVar("T")
tracer = trace.get_tracer("isthmus")


class TracedEngine:
    """An `Engine` whose calls are spans; texts are in them only if `record_texts` says so."""

    def __init__(self, engine: Engine, *, record_texts: bool) -> None:
        self.engine = engine
        self.label = engine.label
        self.evidence_tokens = engine.evidence_tokens
        self.small = engine.small
        self._record_texts = record_texts

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        """See `Engine.stream`."""
        with self._call("chat", messages, max_tokens) as span:
            span.set_attribute("gen_ai.request.stream", True)
            pieces = self.engine.stream(messages, max_tokens=max_tokens)
            text = ""
            try:
                while (piece := _next_within(span, pieces)) is not None:
                    text += piece
                    yield piece
            finally:
                pieces.close()
                self._record_output(span, text)

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Completion:
        """See `Engine.answer`."""
        with self._call("chat", messages, max_tokens) as span, _current(span):
            completion = self.engine.answer(messages, max_tokens=max_tokens)
            self._record_output(span, completion.text)
            return completion

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        """See `Engine.complete`."""
        messages = [{"role": "user", "content": prompt}]
        with self._call("text_completion", messages, max_tokens) as span, _current(span):
            text = self.engine.complete(prompt, max_tokens=max_tokens)
            self._record_output(span, text)
            return text

    def choice_logprobs(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """See `Engine.choice_logprobs`."""
        with self._call("chat", messages, 1) as span, _current(span):
            return self.engine.choice_logprobs(messages, choices)

    def text_logprob(self, messages: Sequence[Message], text: str) -> float:
        """See `Engine.text_logprob`."""
        with self._call("chat", messages, 1) as span, _current(span):
            return self.engine.text_logprob(messages, text)

    def close(self) -> None:
        """Free what the engine holds."""
        self.engine.close()

    @contextmanager
    def _call(self, operation: str, messages: Sequence[Message], max_tokens: int) -> Iterator[Span]:
        """The span of one call, which is not made the current one; an error ends it as failed."""
        model = getattr(self.engine, "model", self.label)
        span = tracer.start_span(
            f"{operation} {model}",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": getattr(self.engine, "provider", type(self.engine).__name__),
                "gen_ai.request.model": model,
                "gen_ai.request.max_tokens": max_tokens,
                "gen_ai.request.temperature": 0.0,
            },
        )
        if server := urlsplit(getattr(self.engine, "base_url", "")).hostname:
            span.set_attribute("server.address", server)
        if self._record_texts:
            span.set_attribute("gen_ai.input.messages", as_messages(messages))
        try:
            yield span
        except Exception as error:
            set_failed(span, error)
            raise
        finally:
            span.end()

    def _record_output(self, span: Span, text: str) -> None:
        if self._record_texts:
            span.set_attribute("gen_ai.output.messages", as_messages([{"role": "assistant", "content": text}]))


def is_recording() -> bool:
    """Whether the call that is under way is recorded."""
    return trace.get_current_span().is_recording()


def record_usage(input_tokens: object, output_tokens: object) -> None:
    """Put the numbers of tokens into the span of the call that is under way. What is no number is left out."""
    span = trace.get_current_span()
    for name, tokens in (("input", input_tokens), ("output", output_tokens)):
        if isinstance(tokens, int):
            span.set_attribute(f"gen_ai.usage.{name}_tokens", tokens)


def set_failed(span: Span, error: Exception) -> None:
    """Mark a span as ended by an error. Its message is left out: it may quote a text."""
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR))


def as_messages(messages: Sequence[Message]) -> str:
    """Chat messages in the form that the conventions give them.

    >>> as_messages([{"role": "user", "content": "Bună"}])
    '[{"role": "user", "parts": [{"type": "text", "content": "Bună"}]}]'
    """
    parts = [{"role": m["role"], "parts": [{"type": "text", "content": m["content"]}]} for m in messages]
    return json.dumps(parts, ensure_ascii=False)


def _current(span: Span) -> AbstractContextManager[Span]:
    return trace.use_span(span, record_exception=False, set_status_on_exception=False)


def _next_within(span: Span, items: Iterator[T]) -> T | None:
    with _current(span):
        return next(items, None)

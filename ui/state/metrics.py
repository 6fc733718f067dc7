"""What an operator watches, in Prometheus' form: requests, answers and their seconds; never what anybody asked."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from rag.types import Answer
from retriever.languages.locales import locale_of

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
SUPPORT = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)
OTHER_LANGUAGE = "other"
"""Stands for a language that CLDR does not know."""


class Metrics:
    """The counters of one server. A `way` is a way in, such as "rest"."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "isthmus_requests", "Requests by way in and status, such as 2xx", ["way", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "isthmus_request_seconds", "Seconds of requests by way in", ["way"], buckets=SECONDS, registry=registry
        )
        self._answers = Counter(
            "isthmus_answers", "Answers by way in, language and whether they are a refusal",
            ["way", "language", "refused"], registry=registry,
        )  # fmt: skip
        self._answer_seconds = Histogram(
            "isthmus_answer_seconds", "Seconds until answers were there, waiting included, by way in", ["way"],
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._support = Histogram(
            "isthmus_answer_support", "How probable it is that answers are right, by language; refusals included",
            ["language"], buckets=SUPPORT, registry=registry,
        )  # fmt: skip
        self._failures = Counter(
            "isthmus_failures", "Questions without an answer by way in and the kind of error", ["way", "kind"],
            registry=registry,
        )  # fmt: skip
        self._stage_seconds = Histogram(
            "isthmus_stage_seconds", "Seconds of answers by stage", ["stage"], buckets=SECONDS, registry=registry
        )
        self._tool_calls = Counter(
            "isthmus_mcp_calls", "Calls of MCP's tools, and whether they failed", ["tool", "failed"], registry=registry
        )
        self._questions = Gauge("isthmus_questions", "Questions that run and that wait", ["state"], registry=registry)

    def watch_questions(self, running: Callable[[], int], waiting: Callable[[], int]) -> None:
        """Say what tells how many questions run, and how many wait."""
        self._questions.labels("running").set_function(running)
        self._questions.labels("waiting").set_function(waiting)

    def count_request(self, way: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._requests.labels(way, f"{status // 100}xx").inc()
        self._request_seconds.labels(way).observe(seconds)

    def count_answer(self, way: str, answer: Answer, seconds: float) -> None:
        """Count a finished answer, and the seconds that its user waited."""
        locale = locale_of(answer.language)
        language = locale.language if locale else OTHER_LANGUAGE  # without a region, so that nobody can make up series
        self._answers.labels(way, language, str(answer.abstained).lower()).inc()
        self._answer_seconds.labels(way).observe(seconds)
        if answer.support is not None:
            self._support.labels(language).observe(answer.support)
        for stage, stage_seconds in answer.timings.items():
            self._stage_seconds.labels(stage).observe(stage_seconds)

    def count_failure(self, way: str, error: Exception) -> None:
        """Count a question that an error ended."""
        self._failures.labels(way, type(error).__name__).inc()

    def count_tool_call(self, tool: str, *, failed: bool) -> None:
        """Count a call of a tool of MCP."""
        self._tool_calls.labels(tool, str(failed).lower()).inc()

    def text(self) -> bytes:
        """All counters, as Prometheus reads them."""
        return generate_latest(self.registry)

"""What an operator watches: numbers of answers and their seconds, in Prometheus' form; never what anybody asked."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from rag.types import Answer

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "isthmus_answers", "Answers by language and whether they are a refusal", ["language", "refused"],
            registry=self.registry,
        )  # fmt: skip
        self._failures = Counter(
            "isthmus_failures", "Questions without an answer by the kind of error", ["kind"], registry=self.registry
        )
        self._seconds = Histogram(
            "isthmus_stage_seconds", "Seconds of answers by stage", ["stage"], buckets=SECONDS, registry=self.registry
        )

    def count_answer(self, answer: Answer) -> None:
        """Count a finished answer."""
        self._answers.labels(answer.language, str(answer.abstained).lower()).inc()
        for stage, seconds in answer.timings.items():
            self._seconds.labels(stage).observe(seconds)

    def count_failure(self, error: Exception) -> None:
        """Count a question that an error ended."""
        self._failures.labels(type(error).__name__).inc()

    def text(self) -> bytes:
        """All counters, as Prometheus reads them."""
        return generate_latest(self.registry)

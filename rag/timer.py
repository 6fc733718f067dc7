"""Seconds by stage of one turn."""

import time
from collections.abc import Callable

from frozendict import frozendict


class StageTimer:
    """Measures how long each stage took; `timings` is a snapshot that later stages do not change.

    `on_stage` is told the name of a stage that ends.
    """

    def __init__(self) -> None:
        self.on_stage: Callable[[str], None] = lambda _: None
        self._seconds: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def end_stage(self, stage: str) -> None:
        """The stage ends now; it began when the one before ended."""
        now = time.perf_counter()
        self._seconds[stage] = round(self._seconds.get(stage, 0.0) + now - self._last, 4)
        self._last = now
        self._seconds["total"] = round(now - self._start, 4)
        self.on_stage(stage)

    def mark_first(self, event: str) -> None:
        """The event happens now; only its first time counts."""
        self._seconds.setdefault(event, round(time.perf_counter() - self._start, 4))

    @property
    def timings(self) -> frozendict[str, float]:
        """Seconds by stage so far."""
        return frozendict(self._seconds)

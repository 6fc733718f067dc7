"""Answers that are made step by step, in threads, and may be cancelled meanwhile."""

import threading
from collections.abc import Generator

from rag.types import Answer


class Steps:
    """A generator of answers that threads run; a task that is cancelled may leave its thread behind in a step."""

    def __init__(self, answers: Generator[Answer, None, None]) -> None:
        self._answers = answers
        self._running = threading.Lock()
        self._is_closed = False

    def next(self) -> Answer | None:
        """Make the next answer; None at the end."""
        with self._running:
            answer = next(self._answers, None)
        if self._is_closed:
            self.close()
        return answer

    def close(self) -> None:
        """Cancel. A step under way does it when it ends."""
        self._is_closed = True
        if self._running.acquire(blocking=False):
            try:
                self._answers.close()
            finally:
                self._running.release()

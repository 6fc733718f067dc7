"""The queue of questions: so many are answered at a time, and users take turns."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from retriever.errors import IsthmusError

MAX_WAITING = 200
"""Questions that wait; more are refused."""
MAX_WAITING_OF_USER = 100
"""Questions of one user that wait, so that there is room for those of others."""


class OverloadError(IsthmusError):
    """Too many questions wait already."""


class StoppingError(IsthmusError):
    """The server stops, and takes no more questions."""


class FairQueue:
    """Gives turns, as many at a time as `at_once` says.

    A free turn goes to the user who has the fewest; of several, to the one whose last turn is longest ago. So a user
    who sends twenty questions makes nobody else wait for all of them. It belongs to one event loop.
    """

    def __init__(self, at_once: Callable[[], int]) -> None:
        self._at_once = at_once
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._turns = 0
        self._last_turns: dict[str, int] = {}  # of the users who run or wait
        self.is_closed = False

    @property
    def at_once(self) -> int:
        """Turns that can be taken at a time."""
        return self._at_once()

    @property
    def running(self) -> int:
        """Turns that are taken."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """Questions that wait for a turn."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncIterator[None]:
        """Wait for a turn and keep it. Raises OverloadError if too many wait, StoppingError if the queue is closed."""
        await self._wait(user)
        try:
            yield
        finally:
            self._end(user)

    def close(self) -> None:
        """Give no more turns; who waits gets a StoppingError."""
        self.is_closed = True
        for places in self._waiting.values():
            for place in places:
                if not place.cancelled():
                    place.set_exception(_stopping())
        self._waiting.clear()

    async def _wait(self, user: str) -> None:
        if self.is_closed:
            raise _stopping()
        of_user = len(self._waiting.get(user, ()))
        if self.waiting >= MAX_WAITING or of_user >= MAX_WAITING_OF_USER:
            raise OverloadError(f"{of_user or self.waiting} questions wait already; ask again in a minute.")
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(place)
        self._last_turns.setdefault(user, self._turns - 1)  # before the user who had the last one
        self._give_turns()
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._leave(user, place)
            elif not place.exception():
                self._end(user)
            raise

    def _give_turns(self) -> None:
        while self._waiting and self.running < self.at_once:
            user = min(self._waiting, key=lambda user: (self._running[user], self._last_turns[user]))
            place = self._waiting[user].popleft()
            if not place.cancelled():
                self._turns += 1
                self._last_turns[user] = self._turns
                self._running[user] += 1
                place.set_result(None)
            self._forget(user)

    def _end(self, user: str) -> None:
        self._running[user] -= 1
        self._forget(user)
        self._give_turns()

    def _leave(self, user: str, place: asyncio.Future[None]) -> None:
        if place in self._waiting.get(user, ()):
            self._waiting[user].remove(place)
            self._forget(user)

    def _forget(self, user: str) -> None:
        """Drop what is known of a user who waits no more, or is gone."""
        if not self._waiting.get(user):
            self._waiting.pop(user, None)
            if not self._running[user]:
                del self._running[user], self._last_turns[user]


def _stopping() -> StoppingError:
    return StoppingError("The server is stopping; ask again in a minute.")

"""The queue of questions: who gets the next turn. Users are letters, questions letters with a number."""

import asyncio

import pytest

from ui.answering.fair_queue import MAX_WAITING, MAX_WAITING_OF_USER, FairQueue, OverloadError, StoppingError


class Crowd:
    """Questions of users in one queue; a turn lasts until the test ends it."""

    def __init__(self, at_once):
        self.queue = FairQueue(lambda: at_once)
        self.started = []
        self.tasks = {}
        self.ends = {}

    async def send(self, *questions):
        for question in questions:
            self.ends[question] = asyncio.Event()
            self.tasks[question] = asyncio.create_task(self._ask(question))
        await self.settle()

    async def end(self, question):
        self.ends[question].set()
        await self.settle()

    async def end_all(self):
        """End one turn after the other, in the order in which they began."""
        for number in range(len(self.tasks)):
            await self.end(self.started[number])
        await asyncio.gather(*self.tasks.values())

    async def settle(self):
        for _ in range(3):
            await asyncio.sleep(0)

    async def _ask(self, question):
        async with self.queue.turn(question[0]):
            self.started.append(question)
            await self.ends[question].wait()


def questions(user, count):
    return [f"{user}{number}" for number in range(count)]


async def test_one_question_does_not_wait_for_the_twenty_of_another():
    crowd = Crowd(1)
    await crowd.send(*questions("a", 20))
    await crowd.send("b0")
    await crowd.end_all()
    assert crowd.started[:3] == ["a0", "b0", "a1"]
    assert len(crowd.started) == 21


async def test_users_take_turns():
    crowd = Crowd(1)
    await crowd.send(*questions("a", 4), *questions("b", 4), *questions("c", 2))
    await crowd.end_all()
    assert crowd.started == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "a3", "b3"]


async def test_who_has_fewer_turns_comes_first():
    crowd = Crowd(2)
    await crowd.send("b0", "a0", "a1", "b1")
    await crowd.end("b0")
    assert crowd.started == ["b0", "a0", "b1"]
    await crowd.end_all()
    assert crowd.started == ["b0", "a0", "b1", "a1"]


async def test_fifty_questions_of_five_users_share_four_turns():
    crowd = Crowd(4)
    await crowd.send(*(f"{user}{number}" for user in "abcde" for number in range(10)))
    assert crowd.queue.running == 4
    assert crowd.queue.waiting == 46
    await crowd.end_all()
    assert len(crowd.started) == 50
    assert [question[0] for question in crowd.started[:4]] == list("aaaa")  # nobody else was there yet
    for number in range(4, 34, 5):
        assert sorted(question[0] for question in crowd.started[number : number + 5]) == list("abcde")
    assert crowd.queue.running == crowd.queue.waiting == 0


async def test_who_goes_away_leaves_the_queue():
    crowd = Crowd(1)
    await crowd.send("a0", "b0", "c0")
    crowd.tasks["b0"].cancel()
    await crowd.end("a0")
    assert crowd.started == ["a0", "c0"]
    crowd.tasks["c0"].cancel()
    await crowd.settle()
    assert crowd.queue.running == crowd.queue.waiting == 0


async def test_a_turn_that_comes_as_its_user_goes_away_is_given_on():
    crowd = Crowd(1)
    await crowd.send("a0", "b0", "c0")
    crowd.ends["a0"].set()
    await asyncio.sleep(0)  # b0 has its turn, and does not know it
    crowd.tasks["b0"].cancel()
    await crowd.settle()
    assert crowd.started[-1] == "c0"
    assert crowd.queue.running == 1
    await crowd.end("c0")
    assert crowd.queue.running == 0


async def test_too_many_questions_are_refused_first_those_of_one_user():
    crowd = Crowd(1)
    await crowd.send(*questions("a", MAX_WAITING_OF_USER + 1))
    await crowd.send("a-")
    with pytest.raises(OverloadError, match="100 questions wait already"):
        await crowd.tasks["a-"]
    await crowd.send(*(f"{chr(1000 + number)}0" for number in range(MAX_WAITING - MAX_WAITING_OF_USER)))
    await crowd.send("b0")
    with pytest.raises(OverloadError, match="200 questions wait already"):
        await crowd.tasks["b0"]
    for task in crowd.tasks.values():
        task.cancel()
    await crowd.settle()


async def test_a_closed_queue_lets_turns_end_and_gives_no_more():
    crowd = Crowd(1)
    await crowd.send("a0", "b0")
    crowd.queue.close()
    await crowd.send("c0")
    for question in ("b0", "c0"):
        with pytest.raises(StoppingError, match="The server is stopping; ask again in a minute"):
            await crowd.tasks[question]
    assert crowd.queue.running == 1
    await crowd.end("a0")
    await crowd.tasks["a0"]
    assert crowd.queue.running == 0

"""The embedded engine on OpenVINO GenAI, which reads prompts faster than llama.cpp on many processors."""

import contextlib
import itertools
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

from rag.errors import GeneratorError
from rag.generation.engine import Completion, Message
from rag.generation.messages import CONTEXT_EXCEEDED, empty_answer, took_too_long
from rag.generation.model_size import is_small
from rag.generation.tracing import record_usage

START_SECONDS = 120
"""Longest time for loading a model; the packaged 1.5B takes 2 s."""
END_SECONDS = 10
READY = 0
"""The id of what the process says of itself once it has warmed up."""
Line = dict[str, Any]


class OpenVinoEngine:
    """OpenVINO GenAI on a folder that `openvino_conversion` made, in a process that starts with the engine.

    Calls of several threads are computed together. `timeout` bounds one call in seconds. A process that died is started
    again by the next call. Raises GeneratorError if the folder cannot be loaded.
    """

    provider = "openvino"

    def __init__(
        self, folder: Path, *, label: str, parameters: float | None, evidence_tokens: int, timeout: float
    ) -> None:
        self.label = label
        self.small = is_small(parameters)
        self.evidence_tokens = evidence_tokens
        self._folder = folder
        self._timeout = timeout
        self._ids = itertools.count(READY + 1)
        self._starting = threading.Lock()
        self._closed = False
        self._process = _Process(folder)

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        """See `Engine.stream`. Temperature is 0."""
        is_empty = True
        for reply in self._call(messages=list(messages), max_tokens=max_tokens):
            if reply["text"]:
                is_empty = False
                yield reply["text"]
        if is_empty:
            raise GeneratorError(empty_answer(self.label))

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Completion:
        """See `Engine.answer`."""
        return _joined(self._call(messages=list(messages), max_tokens=max_tokens))

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        """See `Engine.complete`."""
        return _joined(self._call(prompt=prompt, max_tokens=max_tokens)).text

    def choice_logprobs(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """See `Engine.choice_logprobs`; here every choice has its own value."""
        calls = (self._call(messages=list(messages), max_tokens=1, scored=choice) for choice in choices)
        return [_joined(call).logprobs[0] for call in calls]

    def text_logprob(self, messages: Sequence[Message], text: str) -> float:
        """See `Engine.text_logprob`."""
        return sum(_joined(self._call(messages=list(messages), max_tokens=1, scored=text, whole=True)).logprobs)

    def close(self) -> None:
        """End the calls that are under way, and the process."""
        self._closed = True
        self._process.close()

    def _call(
        self,
        *,
        messages: list[Message] | None = None,
        prompt: str | None = None,
        max_tokens: int,
        scored: str | None = None,
        whole: bool = False,
    ) -> Iterator[Line]:
        """The replies to one request; giving up the iterator cancels it."""
        deadline = time.monotonic() + self._timeout
        with self._starting:
            if not self._closed and self._process.has_ended:
                self._process = _Process(self._folder)
            process = self._process
        order = {"id": next(self._ids), "messages": messages, "prompt": prompt, "max_tokens": max_tokens}
        order |= {"scored": scored, "whole": whole}
        tokens = 0
        with contextlib.closing(process.request(order, deadline)) as replies:
            try:
                for reply in replies:
                    if "error" in reply:
                        raise GeneratorError(CONTEXT_EXCEEDED)
                    tokens += len(reply["logprobs"]) if scored is None else int(reply["end"])
                    record_usage(None, tokens)
                    yield reply
            except queue.Empty as error:
                raise GeneratorError(took_too_long(f"({self.label})", self._timeout)) from error
            except BrokenPipeError as error:
                what = "was closed while it answered" if self._closed else "ended while it answered (was memory short?)"
                raise GeneratorError(f"The generator ({self.label}) {what}; ask again.") from error


class _Process:
    """`openvino_worker` in a process, and those who wait for its replies.

    Raises GeneratorError if it does not start.
    """

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-P", "-m", "rag.generation.openvino_worker", str(folder)]
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._orders = cast(IO[str], self._popen.stdin)
        self._writing = threading.Lock()
        ready: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._waiting = {READY: ready}
        self._is_silent = False
        threading.Thread(target=self._read, args=(cast(IO[str], self._popen.stdout),), daemon=True).start()
        try:
            is_ready = ready.get(timeout=START_SECONDS) is not None
        except queue.Empty:
            is_ready = False
        if not is_ready:
            self._popen.kill()
            raise GeneratorError(f"The model in {folder} could not be loaded; delete it to make it anew.")

    @property
    def has_ended(self) -> bool:
        """Whether the process answers no more; its end is seen in its output before it can be waited for."""
        return self._is_silent or self._popen.poll() is not None

    def request(self, order: Line, deadline: float) -> Generator[Line, None, None]:
        """The replies to an order; closing the iterator cancels it.

        Raises queue.Empty at the deadline (of time.monotonic), BrokenPipeError if the process ends.
        """
        replies: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._waiting[order["id"]] = replies
        try:
            if self._is_silent:
                raise BrokenPipeError
            self._write(order)
            while True:
                reply = replies.get(timeout=max(0.0, deadline - time.monotonic()))
                if reply is None:
                    raise BrokenPipeError
                yield reply
                if "error" in reply or reply["end"]:
                    return
        finally:
            del self._waiting[order["id"]]
            with contextlib.suppress(BrokenPipeError):  # a process that has ended has nothing to cancel
                self._write({"cancel": order["id"]})

    def close(self) -> None:
        """End the process; by itself after the token that it computes, or else by force."""
        with self._writing:
            self._orders.close()
        try:
            self._popen.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def _write(self, order: Line) -> None:
        try:
            with self._writing:
                self._orders.write(json.dumps(order) + "\n")
                self._orders.flush()
        except (OSError, ValueError) as error:  # ValueError: it was closed
            raise BrokenPipeError from error

    def _read(self, lines: IO[str]) -> None:
        """Hand the lines of the process to those who wait for them, until it ends."""
        for line in lines:
            reply = json.loads(line)
            if replies := self._waiting.get(reply["id"]):
                replies.put(reply)
        self._is_silent = True
        for replies in list(self._waiting.values()):
            replies.put(None)


def _joined(replies: Iterator[Line]) -> Completion:
    pieces = list(replies)
    text = "".join(piece["text"] for piece in pieces).strip()
    return Completion(text, tuple(value for piece in pieces for value in piece["logprobs"]))

"""The embedded engine on OpenVINO GenAI, which reads prompts faster than llama.cpp on many processors."""

import itertools
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from rag.errors import GeneratorError
from rag.generation.engine import Completion, Message
from rag.generation.model_size import SMALL_PARAMETERS

START_SECONDS = 120
"""Longest time for loading a model; the packaged 1.5B takes 2 s."""
END_SECONDS = 10
Line = dict[str, Any]


class OpenVinoEngine:
    """OpenVINO GenAI on a folder that `openvino_conversion` made, in a process that starts with the engine.

    Calls of several threads are computed together. `timeout` bounds one call in seconds. A process that died is started
    again by the next call. Raises GeneratorError if the folder cannot be loaded.
    """

    def __init__(
        self, folder: Path, *, label: str, parameters: float | None, evidence_tokens: int, timeout: float
    ) -> None:
        self.label = label
        self.small = parameters is not None and parameters < SMALL_PARAMETERS
        self.evidence_tokens = evidence_tokens
        self._folder = folder
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._replies: dict[int, queue.SimpleQueue[Line | None]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._process = self._start()

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Generator[str, None, None]:
        """See `Engine.stream`. Temperature is 0."""
        is_empty = True
        for reply in self._call(messages=list(messages), max_tokens=max_tokens):
            if reply["text"]:
                is_empty = False
                yield reply["text"]
        if is_empty:
            raise GeneratorError(f"The generator ({self.label}) gave an empty answer; ask again or use another model.")

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Completion:
        """See `Engine.answer`."""
        return _joined(self._call(messages=list(messages), max_tokens=max_tokens))

    def complete(self, prompt: str, *, max_tokens: int) -> str:
        """See `Engine.complete`."""
        return _joined(self._call(prompt=prompt, max_tokens=max_tokens)).text

    def choice_logprobs(self, messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        """See `Engine.choice_logprobs`; here every choice has its own value."""
        return [
            _joined(self._call(messages=list(messages), max_tokens=1, choice=choice)).logprobs[0] for choice in choices
        ]

    def close(self) -> None:
        """End the calls that are under way, and the process."""
        self._closed = True
        process = self._process
        if process.stdin:
            process.stdin.close()  # it ends by itself after the token that it computes
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _call(
        self,
        *,
        messages: list[Message] | None = None,
        prompt: str | None = None,
        max_tokens: int,
        choice: str | None = None,
    ) -> Iterator[Line]:
        """The replies to one request; giving up the iterator cancels it."""
        deadline = time.monotonic() + self._timeout
        id_ = next(self._ids)
        replies: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        order = {"id": id_, "messages": messages, "prompt": prompt, "max_tokens": max_tokens, "choice": choice}
        with self._lock:
            if not self._closed and self._process.poll() is not None:
                self._process = self._start()
            process = self._process
            self._replies[id_] = replies
        try:
            self._send(process, order)
            while True:
                reply = self._next_reply(replies, process, deadline)
                if "error" in reply:
                    raise GeneratorError(
                        "The question and its passages are longer than the generator's context; lower evidence_tokens."
                    )
                yield reply
                if reply["end"]:
                    return
        finally:
            self._replies.pop(id_, None)
            if process.poll() is None and not self._closed:
                self._send(process, {"cancel": id_})

    def _next_reply(
        self, replies: "queue.SimpleQueue[Line | None]", process: "subprocess.Popen[str]", deadline: float
    ) -> Line:
        try:
            reply = replies.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty as error:
            raise GeneratorError(
                f"The generator ({self.label}) took longer than {self._timeout:g} seconds; "
                "ask again, give it more time (setting timeout), or use a smaller model."
            ) from error
        if reply is None:
            raise GeneratorError(self._end_message())
        return reply

    def _send(self, process: "subprocess.Popen[str]", order: Line) -> None:
        try:
            with self._lock:
                assert process.stdin is not None  # noqa: S101
                process.stdin.write(json.dumps(order) + "\n")
                process.stdin.flush()
        except (OSError, ValueError) as error:
            raise GeneratorError(self._end_message()) from error

    def _end_message(self) -> str:
        what = "was closed while it answered" if self._closed else "ended while it answered (was memory short?)"
        return f"The generator ({self.label}) {what}; ask again."

    def _start(self) -> "subprocess.Popen[str]":
        """Start the process and wait until it has warmed up."""
        command = [sys.executable, "-P", "-m", "rag.generation.openvino_worker", str(self._folder)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        ready: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._replies[0] = ready
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        try:
            is_ready = ready.get(timeout=START_SECONDS) is not None
        except queue.Empty:
            is_ready = False
        if not is_ready:
            process.kill()
            raise GeneratorError(f"The model in {self._folder} could not be loaded; delete it to make it anew.")
        return process

    def _read(self, process: "subprocess.Popen[str]") -> None:
        """Hand the lines of the process to those who wait for them, until it ends."""
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            reply = json.loads(line)
            if replies := self._replies.get(reply["id"]):
                replies.put(reply)
        for replies in list(self._replies.values()):
            replies.put(None)


def _joined(replies: Iterator[Line]) -> Completion:
    pieces = list(replies)
    text = "".join(piece["text"] for piece in pieces).strip()
    return Completion(text, tuple(value for piece in pieces for value in piece["logprobs"]))

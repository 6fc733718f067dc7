"""Fifty chats at once with a generator that fails: does each get its own answer, or one sentence in time?

`python -m benchmarks.chats [--minutes 5] [--chats 50] [--seed 1] [--engine scripted|embedded]`

One library of as many stations, each with a code of its own, and the real encoder. Every chat asks for the code of its
station, again and again, each time through the whole pipeline. The generator is a server of this process: it writes the
code that stands in the passages of the prompt for the station of its question, or at random is slow, silent, endless,
malformed, overloaded, or breaks off (FAULTS). Counted by fault: answers with the chat's own code, abstentions, errors
of one sentence, and what must not be: a code of another chat, any other exception, more seconds than the time-out and
GRACE. With `--engine embedded` the packaged model answers instead; it does not fail, and EMBEDDED_TIMEOUT is the
time-out. Memory, that of the model's process included, is measured at the end of the first and of the last minute.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import regex

from benchmarks.openai_handler import OpenAIHandler
from benchmarks.report import publish
from rag.errors import GeneratorError
from rag.generation.client import ChatClient
from rag.generation.embedded import open_embedded
from rag.generation.engine import Engine
from rag.pipeline import RAG
from rag.settings import Settings, load_settings

CAPTION = "{chats} chats at once for {minutes} minutes with {engine}"
ENGINES = {"scripted": "a generator that fails", "embedded": "the embedded model"}
FAULTS = {"none": 60, "slow": 10, "silent": 6, "endless": 6, "malformed": 6, "overloaded": 6, "broken off": 6}
"""How often each is drawn, in a hundred. A refusal for overload is asked again: its question is counted by what it met
last."""
TIMEOUT, GRACE = 6.0, 6.0
"""Seconds that a call to the generator may take, and that search and waiting for a processor may take beside it."""
EMBEDDED_TIMEOUT = 600.0
"""All chats share two cores, so that each waits for the others."""
KINDS = ("own answer", "refused", "one sentence", "foreign", "other errors")
COLUMNS = ("fault", "questions", *KINDS, "late", "longest s")
_CODE = regex.compile(r"\bQ\d{4}\b")
_STATION = regex.compile(r"station number (\d+)")


def station_text(number: int) -> str:
    """The document of a station."""
    return f"The station number {number} has the code {station_code(number)}. Trains stop there daily."


def station_code(number: int) -> str:
    """A station's code.

    >>> station_code(7)
    'Q1007'
    """
    return f"Q{1000 + number}"


class FailingHandler(OpenAIHandler):
    """Speaks the OpenAI protocol, and fails as often as FAULTS says."""

    random = random.Random(0)
    faults: dict[int, str]

    def answer(self, request: dict[str, Any]) -> None:
        """Answer, or fail."""
        prompt = request["messages"][-1]["content"]
        question = prompt.rsplit("Question:", 1)[-1]
        match = _STATION.search(question)
        number = int(match.group(1)) if match else -1
        fault = self.random.choices(list(FAULTS), weights=list(FAULTS.values()))[0]
        self.faults[number] = fault
        held = _CODE.findall(prompt)
        code = station_code(number) if station_code(number) in held else "unknown"
        try:
            self._reply(fault, f"The code of station number {number} is {code} [1].")
        except OSError:
            return  # the client went away

    def _reply(self, fault: str, text: str) -> None:
        if fault == "overloaded":
            self.send_error(503)
            return
        if fault == "silent":
            time.sleep(2 * TIMEOUT)
            return
        if fault == "malformed":
            self.send(b"data: {not json\n\n" * 3, "text/event-stream")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        words = text.split(" ")
        for number, word in enumerate(words):
            if fault == "broken off" and number == len(words) // 2:
                self.close_connection = True
                return
            self._piece(f"{word} ")
            time.sleep(0.2 if fault == "slow" else 0)
        until = time.monotonic() + 2 * TIMEOUT
        while fault == "endless" and time.monotonic() < until:
            self._piece("and so on ")
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _piece(self, text: str) -> None:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        self._chunk(f"data: {json.dumps(chunk)}\n\n".encode())

    def _chunk(self, part: bytes) -> None:
        self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that go away."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let any other error be seen."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def failing_server(seed: int) -> Iterator[tuple[str, dict[int, str]]]:
    """Its address, and the fault that the last question on each station met."""
    faults: dict[int, str] = {}
    handler = type("Handler", (FailingHandler,), {"random": random.Random(seed), "faults": faults})
    with QuietServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1", faults
        server.shutdown()


@contextmanager
def open_engine(kind: str, settings: Settings, seed: int) -> Iterator[tuple[Engine, dict[int, str]]]:
    """The generator, and the fault that the last question on each station met."""
    if kind == "embedded":
        with closing(open_embedded(settings)) as engine:
            yield engine, {}
        return
    with failing_server(seed) as (url, faults):
        yield ChatClient(url, model=None, api_key="none", timeout=TIMEOUT), faults


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question: which column of the table counts it, and after how many seconds."""

    fault: str
    kind: str
    seconds: float


def ask(rag: RAG, number: int, faults: dict[int, str]) -> Outcome:
    """Ask once for a station's code."""
    start = time.monotonic()
    faults[number] = "none"
    try:
        answer = rag.ask(f"What is the code of the station number {number}?", language="en")
        foreign = set(_CODE.findall(answer.text)) - {station_code(number)}
        own = station_code(number) in answer.text
        kind = "foreign" if foreign else "own answer" if own else "refused" if answer.abstained else "other errors"
    except GeneratorError:
        kind = "one sentence"
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
        kind = "other errors"
    return Outcome(faults[number], kind, time.monotonic() - start)


def peak_memory() -> float:
    """The peaks of this process and of those that it started, in GiB."""
    kilobytes = 0
    for file in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it has ended
            status = dict(line.split(":", 1) for line in file.read_text().splitlines())
            if str(os.getpid()) in (status["Pid"].strip(), status["PPid"].strip()):
                kilobytes += int(status.get("VmHWM", "0 kB").split()[0])
    return kilobytes / 2**20


def table(outcomes: list[Outcome], timeout: float = TIMEOUT) -> list[list[object]]:
    """A row for each fault, and one for all."""
    rows: list[list[object]] = []
    for fault in [*FAULTS, "all"]:
        some = [outcome for outcome in outcomes if fault in (outcome.fault, "all")]
        kinds = Counter(outcome.kind for outcome in some)
        late = sum(outcome.seconds > timeout + GRACE for outcome in some)
        longest = max((outcome.seconds for outcome in some), default=0.0)
        counts = [kinds[column] for column in KINDS]
        rows.append([fault, len(some), *counts, late, round(longest, 1)])
    return rows


def chat_all(rag: RAG, chats: int, minutes: float, faults: dict[int, str]) -> tuple[list[Outcome], list[float]]:
    """Let so many chats ask at once; what became of it, and the peak memory after the first minute and now."""
    outcomes: list[Outcome] = []
    memory: list[float] = []
    start = time.monotonic()

    def chat(number: int) -> None:
        while time.monotonic() - start < 60 * minutes:
            outcomes.append(ask(rag, number, faults))

    watch = threading.Timer(min(60.0, 30 * minutes), lambda: memory.append(peak_memory()))
    watch.start()
    with ThreadPoolExecutor(chats) as pool:
        list(pool.map(chat, range(chats)))
    watch.join()
    return outcomes, [*memory, max(peak_memory(), *memory)]  # Linux may forget a few pages of a peak


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--chats", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=ENGINES, default="scripted")
    arguments = parser.parse_args()
    is_embedded = arguments.engine == "embedded"
    timeout = EMBEDDED_TIMEOUT if is_embedded else TIMEOUT
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(library=Path(scratch), timeout=timeout)
        with (
            open_engine(arguments.engine, settings, arguments.seed) as (engine, faults),
            RAG(settings, engine=engine) as rag,
        ):
            rag.library.add_texts([(f"{n:03}.txt", station_text(n)) for n in range(arguments.chats)])
            outcomes, (first, last) = chat_all(rag, arguments.chats, arguments.minutes, faults)
    rows = table(outcomes, timeout)
    publish(
        "chats-embedded" if is_embedded else "chats",
        CAPTION.format(chats=arguments.chats, minutes=f"{arguments.minutes:g}", engine=ENGINES[arguments.engine]),
        COLUMNS,
        rows[-1:] if is_embedded else rows,
        seeds=[arguments.seed],
        details={"peak GiB after the first minute": first, "peak GiB at the end": last},
    )


if __name__ == "__main__":
    main()

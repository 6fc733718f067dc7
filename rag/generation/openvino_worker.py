"""OpenVINO GenAI in a process of its own: `python -m rag.generation.openvino_worker FOLDER`.

It holds Python's lock while it computes, so that in the process of the page nothing else would run; and a process can
be ended at any time. It reads requests as lines of JSON and writes what comes of them the same way, each with the `id`
of its request; requests that come while others are worked on are computed together with them. Only
`openvino_engine` speaks to it.
"""

import json
import queue
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

from retriever.models.backends.silent_openvino import load_openvino

CONTEXT_TOKENS = 4096
CACHE_BLOCKS = 512
"""Blocks of 32 tokens whose attention is kept, so that a prompt that begins like an earlier one is not read again."""
BATCH_TOKENS = 512
UNFINISHED = "\ufffd"
"""What the end of a text decodes to while bytes of its last character are missing."""
KEPT_SCORES = 10_000
"""Prompts whose log-probabilities are kept: of tokens that it has in its memory, the model tells nothing."""
WARM_UP = "The first prompt is slow, because the network is prepared for the processor. " * 8


@dataclass(slots=True)
class Request:
    """A request under way. `scored` is how many tokens at the prompt's end are to be scored; 0 if it is to write."""

    id: int
    prompt: str
    max_tokens: int
    scored: int = 0
    handle: Any = None
    attempts: int = 0
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    sent: str = ""


class Worker:
    """The model, and the requests under way."""

    def __init__(self, folder: str) -> None:
        load_openvino()
        import openvino_genai

        self._genai = openvino_genai
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.num_kv_blocks = CACHE_BLOCKS
        scheduler.enable_prefix_caching = True
        scheduler.max_num_batched_tokens = BATCH_TOKENS
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(folder, scheduler, "CPU")
        self._tokenizer = self._pipeline.get_tokenizer()
        self._requests: dict[int, Request] = {}
        self._handles = 0
        self._scores: dict[tuple[str, int], list[float]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return not self._requests

    def accept(self, order: dict[str, Any]) -> None:
        """Begin the request that a line asks for, or cancel one."""
        if "cancel" in order:
            if request := self._requests.pop(order["cancel"], None):
                request.handle.cancel()
            return
        prompt = order["prompt"]
        if prompt is None:
            prompt = self._tokenizer.apply_chat_template(order["messages"], add_generation_prompt=True)
        request = Request(order["id"], prompt, order["max_tokens"])
        if order["scored"] is not None:
            ids = self._tokenizer.encode(order["scored"], add_special_tokens=False).input_ids.data[0].tolist()
            ids = ids if order["whole"] else ids[:1]
            request.scored = len(ids)
            request.prompt += self._tokenizer.decode(ids)
        if self._length(request.prompt) + request.max_tokens > CONTEXT_TOKENS:
            write({"id": request.id, "error": "too long"})
            return
        if (logprobs := self._scores.get((request.prompt, request.scored))) is not None:
            write({"id": request.id, "text": "", "logprobs": logprobs, "end": True})
            return
        self._requests[request.id] = request
        self._begin(request)

    def work(self) -> None:
        """Compute the next token of all requests, and write what has come."""
        self._pipeline.step()
        for request in list(self._requests.values()):
            has_ended = request.handle.get_status() != self._genai.GenerationStatus.RUNNING
            while request.handle.can_read():
                for output in request.handle.read().values():
                    request.ids += output.generated_ids
                    request.logprobs += output.generated_log_probs
            if not request.scored:
                self._write_text(request, has_ended)
            elif has_ended:
                self._write_scores(request)

    def _begin(self, request: Request) -> None:
        config = self._genai.GenerationConfig()
        config.max_new_tokens = request.max_tokens
        config.apply_chat_template = False
        config.logprobs = 1
        config.echo = request.scored > 0
        self._handles += 1
        # An empty line makes a prompt whose scored tokens are in its memory a new one.
        request.handle = self._pipeline.add_request(self._handles, "\n" * request.attempts + request.prompt, config)

    def _write_text(self, request: Request, has_ended: bool) -> None:
        text = self._tokenizer.decode(request.ids)
        if has_ended or (text != request.sent and not text.endswith(UNFINISHED)):
            piece = {"id": request.id, "text": text[len(request.sent) :], "logprobs": request.logprobs}
            write(piece | {"end": has_ended})
            request.sent, request.logprobs = text, []
        if has_ended:
            del self._requests[request.id]

    def _write_scores(self, request: Request) -> None:
        if len(request.logprobs) > request.scored:  # the last is of what the model wrote
            if len(self._scores) >= KEPT_SCORES:
                del self._scores[next(iter(self._scores))]
            logprobs = request.logprobs[-request.scored - 1 : -1]
            self._scores[request.prompt, request.scored] = logprobs
            write({"id": request.id, "text": "", "logprobs": logprobs, "end": True})
            del self._requests[request.id]
        else:
            request.attempts += 1
            request.logprobs = []
            self._begin(request)

    def _length(self, prompt: str) -> int:
        return int(self._tokenizer.encode(prompt).input_ids.shape[1])


def write(line: dict[str, Any]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def serve(folder: str) -> None:
    """Work until the input ends."""
    worker = Worker(folder)
    worker.accept({"id": 0, "prompt": WARM_UP, "max_tokens": 1, "scored": None})
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        while worker.is_idle or not lines.empty():
            line = lines.get()
            if line is None:
                return
            worker.accept(json.loads(line))
        worker.work()


if __name__ == "__main__":
    serve(sys.argv[1])

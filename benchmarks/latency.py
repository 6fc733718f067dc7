"""How long a user waits: start-up, first words cold and warm, whole answer; and peak memory.

`python -m benchmarks.latency [--model 1.5b|0.5b]`

One process with encoder, Chroma and the embedded engine over the sample library. Questions in eight languages:
the first in a language reads that language's instruction (cold), later ones find it in the prompt cache (warm).
The first words are those of a passage that answers, quoted while the sentence around them is written; their time
counts from the question, with retrieval. The memory is that of the process and of the largest one that it started (the
generator, where it runs in OpenVINO). Also: how long `isthmus page` takes from its start to an answering page, with
models fetched and the library filled.
"""

import argparse
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import peak_gib, publish
from rag.build import build_encoder
from rag.documents.sample import add_sample, questions
from rag.pipeline import RAG
from rag.settings import load_settings
from rag.types import Answer

CAPTION = "The embedded {model}, sample library"
LANGUAGES = ["en", "ro", "de", "fr", "es", "hi", "ar", "zh", "ru"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds that a user waits for the first words of an answer (None if there is no answer), and for all of it."""

    first_words: float | None
    whole: float


def page_start(library: Path) -> float:
    """Seconds from starting the command to the page's first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    command = [sys.executable, "-c", "from ui.cli import main; main()", "page", "--port", str(port)]
    with subprocess.Popen(
        command, env={**os.environ, "ISTHMUS_LIBRARY": str(library)}, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
                        return time.perf_counter() - start
                except (urllib.error.URLError, OSError):
                    time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGTERM)


def wait_of(answer: Answer) -> Wait:
    """The wait for an answer, by its timings."""
    return Wait(answer.timings.get("first_token"), answer.timings["total"])


def ask_in_turn(rag: RAG) -> Iterator[tuple[Wait, Wait]]:
    """The waits for two questions in each language: the first is cold, the second warm."""
    for language in LANGUAGES:
        texts = [question.question for question in questions() if question.language == language][:2]
        cold, warm = (wait_of(rag.ask(text)) for text in texts)
        yield cold, warm


def main() -> None:
    """Measure and publish latency-MODEL.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", choices=["1.5b", "0.5b"], default="1.5b")
    model = parser.parse_args().model
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(library=Path(scratch, "library"), generator="embedded", embedded_model=model)
        start = time.perf_counter()
        encoder = build_encoder(settings)
        with RAG(settings, encoder=encoder) as rag:
            _ = rag.engine
            ready = time.perf_counter() - start
            start = time.perf_counter()
            add_sample(rag.library)
            indexed = time.perf_counter() - start
            rag.ask("Bonjour, quelle heure est-il ?")  # loads what loads once
            cold, warm = zip(*ask_in_turn(rag), strict=True)
            memory = peak_gib()
        generator_memory = peak_gib(resource.RUSAGE_CHILDREN)
        page = statistics.median(page_start(settings.library) for _ in range(3))
    cold_words, warm_words = ([wait.first_words for wait in waits if wait.first_words] for waits in (cold, warm))
    rows = [
        ["first words cold, median s", statistics.median(cold_words)],
        ["first words warm, median s", statistics.median(warm_words)],
        ["first words warm, worst s", max(warm_words)],
        ["whole answer warm, median s", statistics.median(wait.whole for wait in warm)],
        ["answers given, of the questions asked", f"{len(cold_words) + len(warm_words)} of {len(cold) + len(warm)}"],
        ["peak memory of the process, GiB", memory],
        ["peak memory of the largest process that it started, GiB", generator_memory],
        ["RAG and engine ready, s", ready],
        ["sample library indexed, s", indexed],
        ["page answers after its start, median of 3, s", page],
    ]
    caption = CAPTION.format(model=model.upper())
    publish(f"latency-{model}", caption, ["measure", "value"], rows, encoders=[encoder], details={"model": model})


if __name__ == "__main__":
    main()

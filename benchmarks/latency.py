"""How long a user waits: start-up, first token cold and warm, whole answer, tokens a second, peak memory.

`python -m benchmarks.latency [--model 1.5b|0.5b]`

One process with encoder, Chroma and the embedded engine over the sample library. Questions in eight languages:
the first in a language reads that language's instruction (cold), later ones find it in the prompt cache (warm).
The time to the first token counts from the question, with retrieval and choice of evidence. Also: how long
`isthmus page` takes from its start to an answering page, with models fetched and the library filled.
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
from pathlib import Path

from benchmarks.report import publish
from rag.answering.evidence import estimate_tokens
from rag.documents.sample import add_sample, questions
from rag.pipeline import RAG
from rag.settings import load_settings

LANGUAGES = ["en", "ro", "de", "fr", "es", "hi", "ar", "zh", "ru"]


def page_start(library: Path) -> float:
    """Seconds from starting the command to the page's first answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    command = [sys.executable, "-c", "from ui.command import main; main()", "page", "--port", str(port)]
    with subprocess.Popen(
        command, env={**os.environ, "ISTHMUS_LIBRARY": str(library)}, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
                        return time.perf_counter() - began
                except (urllib.error.URLError, OSError):
                    time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGTERM)


def main() -> None:
    """Measure and publish latency-MODEL.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", choices=["1.5b", "0.5b"], default="1.5b")
    model = parser.parse_args().model
    asked = {code: [q.question for q in questions() if q.language == code][:2] for code in LANGUAGES}
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(library=Path(scratch, "library"), generator="embedded", embedded_model=model)
        began = time.perf_counter()
        with RAG(settings) as rag:
            _ = rag.engine
            started = time.perf_counter() - began
            began = time.perf_counter()
            add_sample(rag.library)
            indexed = time.perf_counter() - began
            rag.ask("Bonjour, quelle heure est-il ?")  # loads what loads once
            rows = []
            for code, pair in asked.items():
                for state, question in zip(("cold", "warm"), pair, strict=False):
                    answer = rag.ask(question)
                    spent = answer.timings.get("generate", 0) + answer.timings.get("retrieve", 0)
                    writing = max(1e-6, spent - answer.timings.get("first_token", 0))
                    rows.append({
                        "language": code,
                        "state": state,
                        "first_token_s": answer.timings.get("first_token"),
                        "total_s": answer.timings["total"],
                        "tokens_per_s": estimate_tokens(answer.text) / writing if "generate" in answer.timings else None,
                        "abstained": answer.abstained,
                    })  # fmt: skip
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        page = statistics.median(page_start(settings.library) for _ in range(3))
    firsts = {
        state: [row["first_token_s"] for row in rows if row["state"] == state and row["first_token_s"]]
        for state in ("cold", "warm")
    }
    table = [
        ["first token cold, median s", statistics.median(firsts["cold"])],
        ["first token warm, median s", statistics.median(firsts["warm"])],
        ["first token warm, worst s", max(firsts["warm"])],
        ["whole answer warm, median s", statistics.median(r["total_s"] for r in rows if r["state"] == "warm")],
        [
            "tokens/s (estimated tokens), median",
            statistics.median(r["tokens_per_s"] for r in rows if r["tokens_per_s"]),
        ],
        ["peak memory of the process, GiB", memory],
        ["RAG and engine ready, s", started],
        ["sample library indexed, s", indexed],
        ["page answers after its start, median of 3, s", page],
    ]
    publish(f"latency-{model}", ["measure", "value"], table, {"model": model, "questions": rows})


if __name__ == "__main__":
    main()

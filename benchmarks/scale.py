"""How a library grows: time to build, disk, memory and search time at 1k, 10k and 100k passages, or 1M.

`python -m benchmarks.scale [--sizes 1000,10000,100000]`

Up to 100,000 passages are real: three English Tatoeba sentences each, embedded and pooled as any passage. A larger
library repeats the first 10,000 with noise on their vectors (so that HNSW has as much to sort out), tokens and words
unchanged; the column "real texts" says so. The collection is a library's (catalogue, Chroma, token vectors, BM25), on
disk, in a process for each size. Questions: XQuAD's in eight languages. Sizes that `--sizes` leaves out keep their line
of an earlier run. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.report import RESULTS, data_folder, peak_gib, publish
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.data.pairs import read_pairs
from retriever.data.squad import read_squad
from retriever.models.encoder import Encoder
from retriever.search.late_interaction import LateInteraction
from retriever.search.retriever import CrossLingualRetriever
from retriever.store.collection import Collection
from retriever.store.documents import DOCUMENTS_FILE
from retriever.types import Document, Passage, Vectors

CAPTION = (
    "A library as it grows; beyond the real texts the same again with noise on the vectors; “without” is without "
    "re-ranking"
)
REAL = 100_000
REPEATED = 10_000
"""A passage beyond the real ones is one of these again."""
BATCH = 500
NOISE = 0.3
QUESTIONS_PER_LANGUAGE = 25
SEED = 1

Batch = tuple[list[str], Vectors, list[Vectors]]
"""Texts, their vectors, and the vectors of their tokens."""


def sentences() -> list[str]:
    """Every English sentence of the Tatoeba pairs, once."""
    pairs = [pair for file in sorted(data_folder("tatoeba").glob("*.tsv")) for pair in read_pairs(file)]
    return list(dict.fromkeys(pair.english for pair in pairs))


def megabytes(path: Path) -> float:
    """Size of a file or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


class Stopwatch:
    """Seconds spent on each part of building."""

    def __init__(self, parts: Sequence[str]) -> None:
        self.seconds = dict.fromkeys(parts, 0.0)
        self._start = time.perf_counter()

    def restart(self) -> None:
        """What was done since the last call is no part's."""
        self._start = time.perf_counter()

    def stop(self, part: str) -> None:
        """What was done since the last call is this part's."""
        now = time.perf_counter()
        self.seconds[part] += now - self._start
        self._start = now


def batches(size: int, encoder: Encoder, watch: Stopwatch) -> Iterator[Batch]:
    """So many passages: REAL embedded ones, then noisy repetitions of the first REPEATED."""
    rng, noise = random.Random(SEED), np.random.default_rng(SEED)
    tatoeba = sentences()
    repeated: list[tuple[str, Vectors, Vectors]] = []
    for start in range(0, size, BATCH):
        count = min(BATCH, size - start)
        if start < REAL:
            texts = [" ".join(rng.sample(tatoeba, 3)) for _ in range(count)]
            watch.restart()
            vectors, tokens = encoder.encode_passage_tokens(texts)
            watch.stop("embed")
            if size > REAL and start < REPEATED:
                repeated += zip(texts, vectors, tokens, strict=True)
        else:
            rows = [repeated[rng.randrange(REPEATED)] for _ in range(count)]
            texts, tokens = [row[0] for row in rows], [row[2] for row in rows]
            vectors = np.stack([row[1] for row in rows])
            vectors = vectors + NOISE * noise.normal(size=vectors.shape).astype(np.float32) / np.sqrt(vectors.shape[1])
            vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        yield texts, vectors, tokens


def build(folder: Path, size: int, encoder: Encoder) -> tuple[CrossLingualRetriever, dict[str, float]]:
    """A retriever over a collection of so many passages, and the seconds that its parts took."""
    watch = Stopwatch(("embed", "catalogue", "vectors", "tokens", "bm25"))
    collection = Collection(folder, encoder)
    if collection.tokens is None:
        raise RuntimeError("The collection keeps no token vectors.")
    progress = tqdm(batches(size, encoder, watch), desc=f"{size} passages", total=-(-size // BATCH), disable=None)
    for number, (texts, vectors, tokens) in enumerate(progress):
        document = Document(f"d{number:06}", f"d{number:06}", "", str(number), "en", 0, "2026-01-01")
        passages = [
            Passage(f"{number:06}-{n:03}", document.id, "", text, None, 0, len(text), "en")
            for n, text in enumerate(texts)
        ]
        watch.restart()
        collection.documents.replace([], document, passages)
        watch.stop("catalogue")
        collection.vectors.add([(passage.id, document.id, "en") for passage in passages], vectors)
        watch.stop("vectors")
        collection.tokens.add({passage.id: rows for passage, rows in zip(passages, tokens, strict=True)})
        watch.stop("tokens")
    watch.restart()
    collection.refresh()
    watch.stop("bm25")
    reranker = LateInteraction(collection.tokens.read)
    return CrossLingualRetriever(encoder=encoder, index=collection, reranker=reranker), watch.seconds


def search_times(retriever: CrossLingualRetriever) -> tuple[list[float], list[float]]:
    """Milliseconds of a search, re-ranked and not, each question for the first time."""
    squad = read_squad(data_folder("xquad"))
    questions = [q.text for rows in squad.questions.values() for q in rows[:QUESTIONS_PER_LANGUAGE]]
    retriever.search(retriever.understand("warm up"))
    not_reranking = retriever.model_copy(update={"reranker": None})
    return milliseconds(retriever, questions[::2]), milliseconds(not_reranking, questions[1::2])


def milliseconds(retriever: CrossLingualRetriever, questions: Sequence[str]) -> list[float]:
    """Of the search for each question."""
    times = []
    for question in questions:
        start = time.perf_counter()
        retriever.search(retriever.understand(question))
        times.append(1000 * (time.perf_counter() - start))
    return times


def measure(size: int) -> dict[str, float]:
    """One line of the table."""
    encoder = build_encoder(load_settings())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        start = time.perf_counter()
        retriever, seconds = build(folder, size, encoder)
        whole = time.perf_counter() - start
        reranked, not_reranked = search_times(retriever)
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30
        return {
            "passages": size,
            "real texts": min(size, REAL),
            "build s": whole,
            **{f"{name} s": value for name, value in seconds.items()},
            "p50 ms": float(np.percentile(reranked, 50)),
            "p95 ms": float(np.percentile(reranked, 95)),
            "p50 ms without": float(np.percentile(not_reranked, 50)),
            "p95 ms without": float(np.percentile(not_reranked, 95)),
            "catalogue MB": megabytes(folder / DOCUMENTS_FILE),
            "vectors MB": megabytes(folder / "vectors"),
            "tokens MB": megabytes(folder / "tokens.sqlite"),
            "bm25 MB": sum(megabytes(words) for words in folder.glob("lexical-*")),
            "memory GiB": resident,
            "peak GiB": peak_gib(),
        }


def plot(lines: list[dict[str, Any]]) -> None:
    """Growth curves: search time and disk."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    sizes = [line["passages"] for line in lines]
    for name in ("p50 ms", "p95 ms", "p50 ms without", "p95 ms without"):
        left.plot(sizes, [line[name] for line in lines], marker="o", label=name)
    for name in ("catalogue MB", "vectors MB", "tokens MB", "bm25 MB"):
        right.plot(sizes, [line[name] for line in lines], marker="o", label=name)
    for axes, title in ((left, "search; “without” re-ranking"), (right, "disk")):
        axes.set(xscale="log", yscale="log", xlabel="passages", title=title)
        axes.legend(fontsize="small")
    figure.savefig(RESULTS / "scale.png", dpi=110)


def table_rows(lines: list[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of what the table shows of the lines."""
    whole = ["passages", "real texts", "build s", "p50 ms", "p95 ms", "p50 ms without", "p95 ms without"]
    disk = ("catalogue MB", "vectors MB", "tokens MB", "bm25 MB")
    rows: list[list[object]] = [
        [
            *(f"{line[name]:.0f}" for name in whole),
            f"{sum(line[name] for name in disk):.0f}",
            line["memory GiB"],
            line["measured"],
        ]
        for line in lines
    ]
    return [*whole, "disk MB", "memory GiB", "measured"], rows


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in ("tatoeba", "xquad"):
        data_folder(name)
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    earlier = RESULTS / "scale.json"
    lines = json.loads(earlier.read_text(encoding="utf-8"))["lines"] if earlier.exists() else []
    by_size = {line["passages"]: line for line in lines}
    for size in map(int, arguments.sizes.split(",")):  # a process each, for its memory
        command = [sys.executable, "-m", "benchmarks.scale", "--one", str(size)]
        line = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        by_size[size] = {**line, "measured": datetime.now(UTC).isoformat(timespec="minutes")}
    lines = [by_size[size] for size in sorted(by_size)]
    plot(lines)
    columns, rows = table_rows(lines)
    publish(
        "scale",
        CAPTION,
        columns,
        rows,
        data="Tatoeba; beyond the real texts these again with noise on the vectors",
        seeds=[SEED],
        encoders=[build_encoder(load_settings())],
        details={"lines": lines},
    )


if __name__ == "__main__":
    main()

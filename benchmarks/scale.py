"""How a library grows: building, opening, adding one document, disk, memory and search at 1k, 10k, 100k or 1M passages.

`python -m benchmarks.scale [--sizes 1000,10000,100000] [--embedded 100000]`

A passage is three English Tatoeba sentences, a document ten passages. The first 100,000 passages (or `--embedded`) are
embedded and pooled as any passage. The others have words of their own, and again the vectors of the first, with noise
(so that HNSW has as much to sort out), and their tokens; the column "embedded" says so. The collection is a library's
(documents and words, Chroma, token vectors), on disk, in a process for each size. "open s" opens the whole library;
"add one s" adds a document of one passage and ends when a search finds it, the slowest of five. Questions: XQuAD's in
eight languages. Sizes that `--sizes` leaves out keep their line of an earlier run. Without the data (ISTHMUS_DATA) it
says so and ends.
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
from rag.documents.library import Library
from rag.settings import load_settings
from retriever.data.pairs import read_pairs
from retriever.data.squad import read_squad
from retriever.models.encoder import Encoder
from retriever.search.retriever import CrossLingualRetriever
from retriever.store.collection import Collection
from retriever.store.documents import DOCUMENTS_FILE
from retriever.store.embedding import vector_rows
from retriever.store.token_vectors import pool_tokens
from retriever.types import Document, Passage, Vectors

CAPTION = (
    "A library as it grows; beyond the embedded passages their vectors again with noise; “without” is without "
    "re-ranking; “bulk” is passages written a second, without embedding; “add one” is a document of one passage, until "
    "a search finds it, the slowest of five"
)
EMBEDDED = 100_000
REPEATED = 10_000
"""A passage beyond the embedded ones has the vectors of one of these again."""
BATCH = 500
DOCUMENT_PASSAGES = 10
ADDED = 5
SHOWN = 30
"""Hits among which a search is to find what was added: with noise for vectors others are as near."""
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


def batches(size: int, embedded: int, encoder: Encoder, watch: Stopwatch) -> Iterator[Batch]:
    """So many passages: `embedded` ones, then others with noisy repetitions of the vectors of the first REPEATED."""
    rng, noise = random.Random(SEED), np.random.default_rng(SEED)
    tatoeba = sentences()
    repeated: list[tuple[Vectors, Vectors]] = []
    for start in range(0, size, BATCH):
        texts = [" ".join(rng.sample(tatoeba, 3)) for _ in range(min(BATCH, size - start))]
        if start < embedded:
            watch.restart()
            vectors, tokens = encoder.encode_passage_tokens(texts)
            watch.stop("embed")
            if size > embedded and start < REPEATED:
                repeated += zip(vectors, tokens, strict=True)
        else:
            rows = rng.choices(repeated, k=len(texts))
            vectors, tokens = np.stack([row[0] for row in rows]), [row[1] for row in rows]
            vectors = vectors + NOISE * noise.normal(size=vectors.shape).astype(np.float32) / np.sqrt(vectors.shape[1])
            vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        yield texts, vectors, tokens


def build(folder: Path, size: int, embedded: int, encoder: Encoder) -> dict[str, float]:
    """Write a collection of so many passages; the seconds that its parts took."""
    watch = Stopwatch(("embed", "documents", "vectors", "tokens", "refresh"))
    collection = Collection(folder, encoder)
    if collection.tokens is None:
        raise RuntimeError("The collection keeps no token vectors.")
    progress = tqdm(
        batches(size, embedded, encoder, watch), desc=f"{size} passages", total=-(-size // BATCH), disable=None
    )
    for number, (texts, vectors, tokens) in enumerate(progress):
        documents = [
            make_document(f"d{number:05}-{n:02}", texts[start : start + DOCUMENT_PASSAGES])
            for n, start in enumerate(range(0, len(texts), DOCUMENT_PASSAGES))
        ]
        watch.restart()
        for document, passages in documents:
            collection.documents.replace([], document, passages)
        watch.stop("documents")
        rows = [passage for _, passages in documents for passage in passages]
        collection.vectors.add(vector_rows(rows), vectors)
        watch.stop("vectors")
        collection.tokens.add({passage.id: pool_tokens(each) for passage, each in zip(rows, tokens, strict=True)})
        watch.stop("tokens")
    watch.restart()
    collection.refresh()
    watch.stop("refresh")
    collection.close()
    return watch.seconds


def make_document(name: str, texts: Sequence[str]) -> tuple[Document, list[Passage]]:
    """A document with a passage for each text."""
    document = Document(name, name, "", name, "en", 0, "2026-01-01")
    return document, [
        Passage(f"{name}-{n:03}", name, "", text, None, 0, len(text), "en") for n, text in enumerate(texts)
    ]


def add_times(library: Library) -> list[float]:
    """Seconds from a text to a search that finds it first, several times."""
    times = []
    for number in range(ADDED):
        text = f"The quillfeather number {number} lives by the lighthouse of Zanderhaven."
        start = time.perf_counter()
        library.add_texts([(f"quillfeather {number}.txt", text)])
        hits = library.search(text, SHOWN)
        times.append(time.perf_counter() - start)
        if not any(hit.passage.text == text for hit in hits):
            raise RuntimeError(f"Search does not find what was added: {text}")
    return times


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


def measure(size: int, embedded: int) -> dict[str, float]:
    """One line of the table."""
    encoder = build_encoder(load_settings())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        start = time.perf_counter()
        seconds = build(folder, size, embedded, encoder)
        whole = time.perf_counter() - start
        start = time.perf_counter()
        library = Library(load_settings(library=folder, sample=False, rerank="late"), encoder)
        opening = time.perf_counter() - start
        reranked, not_reranked = search_times(library.retriever)
        adding = add_times(library)
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30
        start = time.perf_counter()
        library.close()
        closing = time.perf_counter() - start
        return {
            "passages": size,
            "embedded": min(size, embedded),
            "build s": whole,
            **{f"{name} s": value for name, value in seconds.items()},
            "bulk": size / (sum(seconds.values()) - seconds["embed"]),
            "open s": opening,
            "add one s": max(adding),
            "close s": closing,
            "p50 ms": float(np.percentile(reranked, 50)),
            "p95 ms": float(np.percentile(reranked, 95)),
            "p50 ms without": float(np.percentile(not_reranked, 50)),
            "p95 ms without": float(np.percentile(not_reranked, 95)),
            "documents MB": megabytes(folder / DOCUMENTS_FILE),
            "vectors MB": megabytes(folder / "vectors"),
            "tokens MB": megabytes(folder / "tokens.sqlite"),
            "disk MB": megabytes(folder),
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
    for name in ("documents MB", "vectors MB", "tokens MB"):
        right.plot(sizes, [line.get(name) for line in lines], marker="o", label=name)
    for axes, title in ((left, "search; “without” re-ranking"), (right, "disk")):
        axes.set(xscale="log", yscale="log", xlabel="passages", title=title)
        axes.legend(fontsize="small")
    figure.savefig(RESULTS / "scale.png", dpi=110)


def table_rows(lines: list[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of what the table shows of the lines; empty where an earlier run did not measure it."""
    whole = [
        "passages",
        "embedded",
        "build s",
        "bulk",
        "p50 ms",
        "p95 ms",
        "p50 ms without",
        "p95 ms without",
        "disk MB",
    ]
    exact = ["open s", "add one s", "memory GiB", "measured"]
    rows: list[list[object]] = [
        [*(f"{line[name]:.0f}" if name in line else "" for name in whole), *(line.get(name, "") for name in exact)]
        for line in lines
    ]
    return [*whole, *exact], rows


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--embedded", type=int, default=EMBEDDED, help="Passages that are embedded.")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in ("tatoeba", "xquad"):
        data_folder(name)
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.embedded)))
        return
    earlier = RESULTS / "scale.json"
    lines = json.loads(earlier.read_text(encoding="utf-8"))["lines"] if earlier.exists() else []
    by_size = {line["passages"]: line for line in lines}
    for size in map(int, arguments.sizes.split(",")):  # a process each, for its memory
        command = [sys.executable, "-m", "benchmarks.scale", "--one", str(size), "--embedded", str(arguments.embedded)]
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
        data="Tatoeba",
        seeds=[SEED],
        encoders=[build_encoder(load_settings())],
        details={"lines": lines},
    )


if __name__ == "__main__":
    main()

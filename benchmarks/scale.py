"""How a library grows: time to build, disk, memory and search time at 1k, 10k and 100k passages, or 1M.

`python -m benchmarks.scale [--sizes 1000,10000,100000]`

Up to 100,000 passages are real: three English Tatoeba sentences each, embedded and pooled as any passage. Beyond that
each is one of the first 10,000 with noise on its vector (so that HNSW has as much to sort out), its tokens and words as
they are; the column "real texts" says so. The parts are a library's own (catalogue, Chroma, token vectors, BM25), on
disk, in a process for each size. Questions: XQuAD's in eight languages. Sizes that are not asked for keep the line of
an earlier run. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.report import DATA, RESULTS, publish
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.data.pairs import read_pairs
from retriever.data.squad import read_squad
from retriever.models.encoder import Encoder
from retriever.search.late_interaction import LateInteraction
from retriever.search.retriever import CrossLingualRetriever
from retriever.store.documents import DocumentStore
from retriever.store.token_vectors import TokenVectorStore
from retriever.store.vectors import VectorIndex
from retriever.store.words import BM25Index
from retriever.types import Document, Passage, Vectors

REAL = 100_000
REPEATED = 10_000
"""Beyond the real ones a passage is one of so many again."""
BATCH = 500
NOISE = 0.3
QUESTIONS_PER_LANGUAGE = 25


def sentences() -> list[str]:
    """Every English sentence of the Tatoeba pairs, once."""
    pairs = [pair for file in sorted((DATA / "tatoeba").glob("*.tsv")) for pair in read_pairs(file)]
    return list(dict.fromkeys(pair.english for pair in pairs))


def megabytes(path: Path) -> float:
    """Size of a file or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def build(folder: Path, size: int, encoder: Encoder) -> tuple[CrossLingualRetriever, dict[str, float]]:
    """A library's parts with so many passages, and what they took."""
    rng, noise = random.Random(1), np.random.default_rng(1)
    known = sentences()
    catalogue = DocumentStore(folder / "catalogue.sqlite")
    vectors = VectorIndex(encoder, path=folder / "vectors")
    tokens = TokenVectorStore(folder / "tokens.sqlite")
    seconds = dict.fromkeys(("embed", "catalogue", "vectors", "tokens", "bm25"), 0.0)
    texts: list[str] = []
    made: list[tuple[Vectors, Vectors]] = []

    def timed(part: str, began: float) -> float:
        seconds[part] += time.perf_counter() - began
        return time.perf_counter()

    for start in tqdm(range(0, size, BATCH), desc=f"{size} passages", disable=None):
        count = min(BATCH, size - start)
        if start < REAL:
            part = [" ".join(rng.sample(known, 3)) for _ in range(count)]
            began = time.perf_counter()
            own, their_tokens = encoder.encode_passage_tokens(part)
            began = timed("embed", began)
            if size > REAL and start < REPEATED:
                made += zip(own, their_tokens, strict=True)
        else:
            picked = [rng.randrange(REPEATED) for _ in range(count)]
            part = [texts[n] for n in picked]
            own = np.stack([made[n][0] for n in picked])
            own = own + NOISE * noise.normal(size=own.shape).astype(np.float32) / np.sqrt(own.shape[1])
            own = own / np.linalg.norm(own, axis=1, keepdims=True)
            their_tokens = [made[n][1] for n in picked]
            began = time.perf_counter()
        texts += part
        ids = [f"{start + n:08}" for n in range(count)]
        document = Document(f"d{start}", f"d{start}", "", str(start), "en", 0, "2026-01-01")
        passages = [
            Passage(id_, document.id, "", text, None, 0, len(text), "en") for id_, text in zip(ids, part, strict=True)
        ]
        catalogue.replace([], document, passages)
        began = timed("catalogue", began)
        vectors.add([(id_, document.id, "en") for id_ in ids], own.astype(np.float32))
        began = timed("vectors", began)
        tokens.add(dict(zip(ids, their_tokens, strict=True)))
        timed("tokens", began)
    began = time.perf_counter()
    lexical = BM25Index.build([f"{n:08}" for n in range(size)], texts)
    lexical.save(folder / "lexical")
    timed("bm25", began)
    retriever = CrossLingualRetriever(
        encoder=encoder,
        vectors=vectors,
        lexical=lexical,
        store=catalogue,
        reranker=LateInteraction(encoder, tokens.read),
    )
    return retriever, seconds


def search_times(retriever: CrossLingualRetriever) -> dict[str, list[float]]:
    """Milliseconds of a search, re-ranked and not, each question for the first time."""
    squad = read_squad(DATA / "xquad")
    questions = [q.text for rows in squad.questions.values() for q in rows[:QUESTIONS_PER_LANGUAGE]]
    late, spent = retriever.reranker, dict[str, list[float]]()
    retriever.search("warm up")
    for name, reranker, own in (("re-ranked", late, questions[::2]), ("not re-ranked", None, questions[1::2])):
        retriever.reranker = reranker
        spent[name] = []
        for question in own:
            began = time.perf_counter()
            retriever.search(question)
            spent[name].append(1000 * (time.perf_counter() - began))
    return spent


def measure(size: int) -> dict[str, float]:
    """One line of the table."""
    encoder = build_encoder(load_settings())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        began = time.perf_counter()
        retriever, seconds = build(folder, size, encoder)
        whole = time.perf_counter() - began
        spent = search_times(retriever)
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30
        return {
            "passages": size,
            "real texts": min(size, REAL),
            "build s": whole,
            **{f"{name} s": value for name, value in seconds.items()},
            "p50 ms": float(np.percentile(spent["re-ranked"], 50)),
            "p95 ms": float(np.percentile(spent["re-ranked"], 95)),
            "p50 ms without": float(np.percentile(spent["not re-ranked"], 50)),
            "p95 ms without": float(np.percentile(spent["not re-ranked"], 95)),
            "catalogue MB": megabytes(folder / "catalogue.sqlite"),
            "vectors MB": megabytes(folder / "vectors"),
            "tokens MB": megabytes(folder / "tokens.sqlite"),
            "bm25 MB": megabytes(folder / "lexical"),
            "memory GiB": resident,
            "peak GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
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


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not (DATA / "tatoeba").is_dir():
        sys.exit(f"Tatoeba's pairs are not at {DATA / 'tatoeba'}; set ISTHMUS_DATA.")
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    before = RESULTS / "scale.json"
    earlier = json.loads(before.read_text(encoding="utf-8"))["lines"] if before.exists() else []
    known = {line["passages"]: line for line in earlier}
    for size in map(int, given.sizes.split(",")):  # a process each, for its memory
        command = [sys.executable, "-m", "benchmarks.scale", "--one", str(size)]
        line = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        known[size] = {**line, "measured": datetime.now(UTC).isoformat(timespec="minutes")}
    lines = [known[size] for size in sorted(known)]
    shown = ("passages", "real texts", "build s", "p50 ms", "p95 ms", "p50 ms without", "p95 ms without")
    disk = ("catalogue MB", "vectors MB", "tokens MB", "bm25 MB")
    rows = [
        [
            *(f"{line[name]:.0f}" for name in shown),
            f"{sum(line[name] for name in disk):.0f}",
            line["memory GiB"],
            line["measured"],
        ]
        for line in lines
    ]
    plot(lines)
    columns = [*shown, "disk MB", "memory GiB", "measured"]
    note = "beyond the real texts these again with noise on the vectors"
    publish("scale", columns, rows, {"data": f"Tatoeba; {note}", "seed": 1, "lines": lines})


if __name__ == "__main__":
    main()

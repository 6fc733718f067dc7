"""Bulk indexing by one and by two workers of one processor each: `python -m benchmarks.bulk_indexing [--files 200]`.

The files hold made sentences, ten passages or so each. A worker is a node of a Ray cluster on this machine, with one
processor: one encoder of one thread, and beside it what reads files and pools tokens. The command that writes runs
beside them. "seconds" begins with the command and has Ray's start in it; "passages/s" is counted from the first
document written to the last. `isthmus add` is beside them; it computes with all processors. "load" is the machine's
load average of the minute before, which is near 0 if nobody else uses it.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import publish
from rag.build import build_encoder
from rag.documents.bulk_indexing import index_files
from rag.documents.library import Library
from rag.documents.ray_cluster import LOCAL, load_ray
from rag.settings import load_settings
from rag.types import Added
from retriever.models.encoder import Encoder

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

CAPTION = (
    "Bulk indexing of made texts on Ray, by one and two workers of one processor each, beside `isthmus add`; “seconds” "
    "has Ray's start in it, “passages/s” begins with the first document written, “load” is the machine's load before"
)
FILES, SENTENCES = 200, 100
SYLLABLES = "ba de fi go lu ma ne pi ro su ta ve zo li ka".split()
SEED = 1
PATIENCE = {"health_check_timeout_ms": 120_000}
"""Of Ray's nodes with each other: on a busy machine they take one another for dead after ten seconds."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one way of adding all files took: seconds, passages a second once it wrote, and the load before."""

    seconds: float
    rate: float
    load: float


def write_files(folder: Path, count: int) -> Path:
    """So many files of SENTENCES made sentences, no two alike."""
    rng = random.Random(SEED)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(5000)]
    for number in range(count):
        sentences = (" ".join(rng.choices(words, k=12)).capitalize() + "." for _ in range(SENTENCES))
        (folder / f"{number:05}.txt").write_text(" ".join(sentences), encoding="utf-8")
    return folder


@contextmanager
def running_cluster(nodes: int) -> "Iterator[Cluster]":
    """A Ray cluster of nodes with one processor each, on this machine."""
    load_ray(LOCAL)
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        cluster = Cluster()
        try:
            cluster.add_node(num_cpus=1, include_dashboard=False, temp_dir=folder, _system_config=PATIENCE)
            for _ in range(nodes - 1):
                cluster.add_node(num_cpus=1)
            yield cluster
        finally:
            cluster.shutdown()


def measure(encoder: Encoder, add: Callable[..., list[Added]]) -> Run:
    """Add all files to a new library."""
    load, first = os.getloadavg()[0], 0.0

    def progress(done: int, total: int, name: str) -> None:
        nonlocal first
        if done == 1:
            first = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder, Library(load_settings(library=Path(folder)), encoder) as library:
        start = time.perf_counter()
        results = add(library, progress=progress)
        end = time.perf_counter()
    return Run(end - start, sum(result.passages for result in results[1:]) / (end - first), load)


def main() -> None:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=FILES)
    count = parser.parse_args().files
    encoder = build_encoder(load_settings())
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), count)
        runs = {"`isthmus add`": measure(encoder, partial(Library.add, paths=[files]))}
        for nodes in (1, 2):
            with running_cluster(nodes) as cluster:
                name = f"`isthmus index`, {nodes} worker{'s' * (nodes > 1)}"
                runs[name] = measure(encoder, partial(index_files, paths=[files], ray=cluster.address))
    one = runs["`isthmus index`, 1 worker"].rate
    rows = [[name, run.seconds, run.rate, run.rate / one, run.load] for name, run in runs.items()]
    columns = ["way", "seconds", "passages/s", "times one worker", "load"]
    publish("bulk_indexing", CAPTION, columns, rows, seeds=[SEED], encoders=[encoder], details={"files": count})


if __name__ == "__main__":
    main()

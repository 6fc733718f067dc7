"""Bulk indexing by one and by two workers of one processor each: `python -m benchmarks.bulk_indexing [--files 128]`.

The files hold made sentences, ten passages or so each. A worker is a node of a Ray cluster on this machine, which keeps
to one processor: one encoder of one thread, and beside it what reads files and pools tokens. The command that writes
takes what the workers leave of all processors. `isthmus add` is beside them; it computes with all processors.
"seconds" has Ray's start in it. "passages/s" has not: it is counted from when the files of each encoder's first call
are written (4 files a worker), to the end. "load" is the machine's load average of the minute before, which is near 0
if nobody else uses it.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks.report import publish
from rag.build import build_encoder
from rag.documents.bulk_indexing import ENCODED_PARTS, index_files
from rag.documents.library import Library
from rag.documents.ray_cluster import LOCAL, PATIENCE, load_ray
from rag.settings import load_settings
from rag.types import Added
from retriever.models.encoder import Encoder

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

CAPTION = (
    "Bulk indexing of made texts on Ray, by one and two workers of one processor each, beside `isthmus add`; “seconds” "
    "has Ray's start in it, “passages/s” has not, “load” is the machine's load before"
)
FILES, SENTENCES = 128, 100
SYLLABLES = "ba de fi go lu ma ne pi ro su ta ve zo li ka".split()
STORE_BYTES = 2**30
"""Memory of a node for what is passed on; by itself Ray takes 30 % of a machine's."""
SEED = 1


@dataclass(frozen=True, slots=True)
class Run:
    """What one way of adding all files took: seconds, passages a second once it ran, and the load before."""

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
    """A Ray cluster of nodes on this machine, each of which keeps to a processor of its own, if there are enough."""
    load_ray(LOCAL)
    from ray.cluster_utils import Cluster

    with (
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        mock.patch.dict(os.environ, RAY_TMPDIR=folder),  # where Ray notes the cluster's address, in "ray"
    ):
        cluster = Cluster()
        try:
            head: dict[str, Any] = {"include_dashboard": False, "temp_dir": f"{folder}/ray", "_system_config": PATIENCE}
            for number in range(nodes):
                with one_processor(number):
                    cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES, **({} if number else head))
            yield cluster
        finally:
            cluster.shutdown()


@contextmanager
def one_processor(number: int) -> Iterator[None]:
    """Processes that start meanwhile keep to one processor; only Linux can do that."""
    if sys.platform != "linux":
        yield
        return
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(processors)[number % len(processors)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, processors)


def measure(encoder: Encoder, add: Callable[..., list[Added]], workers: int = 1) -> Run:
    """Add all files to a new library."""
    load, running, first_files = os.getloadavg()[0], 0.0, workers * ENCODED_PARTS

    def progress(done: int, total: int, name: str) -> None:
        nonlocal running
        if done == first_files:
            running = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder, Library(load_settings(library=Path(folder)), encoder) as library:
        start = time.perf_counter()
        results = add(library, progress=progress)
        end = time.perf_counter()
    return Run(end - start, sum(result.passages for result in results[first_files:]) / (end - running), load)


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
                runs[name] = measure(encoder, partial(index_files, paths=[files], ray=cluster.address), nodes)
    one = runs["`isthmus index`, 1 worker"].rate
    rows = [[name, run.seconds, run.rate, run.rate / one, run.load] for name, run in runs.items()]
    columns = ["way", "seconds", "passages/s", "times one worker", "load"]
    publish("bulk_indexing", CAPTION, columns, rows, seeds=[SEED], encoders=[encoder], details={"files": count})


if __name__ == "__main__":
    main()

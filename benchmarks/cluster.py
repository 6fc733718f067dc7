"""Search and intake of a library over each engine of its stores: `python -m benchmarks.cluster [--passages 10000]`.

The passages are those of `benchmarks.scale`: three English Tatoeba sentences each, ten to a document; the first
thousand are embedded, the others have their vectors and token vectors again, with noise. "intake/s" is passages written
a second, document by document as a library writes them, without embedding. A search is the whole of it, with the
question's embedding and late interaction; each of the questions (XQuAD's, eight languages) is asked once.

The engines run on this machine, with files in one folder. Chroma's server is started here. Qdrant's is one that
ISTHMUS_QDRANT_URL names, or else only the client's local mode is there, which has no graph and compares everything.
ISTHMUS_DOCUMENTS_URL names a PostgreSQL database; without it its row is left out. Engines that are left out keep no
line of an earlier run. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from qdrant_client import QdrantClient
from tqdm import tqdm

from benchmarks.report import data_folder, publish
from benchmarks.scale import BATCH, DOCUMENT_PASSAGES, SEED, Batch, Stopwatch, batches, make_document, search_times
from rag.build import build_encoder, build_reranker
from rag.settings import load_settings
from retriever.models.encoder import Encoder
from retriever.search.retriever import CrossLingualRetriever
from retriever.store.collection import Collection
from retriever.store.embedding import EmbeddedPassages, pool
from retriever.store.opening import delete_documents, open_documents
from retriever.store.qdrant_server import QdrantServer, connect

CAPTION = (
    "A library over each engine of its stores, on one machine; “intake/s” is passages written a second, without "
    "embedding; “without” is without re-ranking; “load” is the machine's load before"
)
PASSAGES, EMBEDDED = 10_000, 1_000

Open = Callable[[Path, Encoder], AbstractContextManager[Collection]]
"""Opens a new collection in an empty folder."""


@contextmanager
def embedded(folder: Path, encoder: Encoder) -> Iterator[Collection]:
    """Everything in the folder."""
    with closing(Collection(folder, encoder)) as collection:
        yield collection


@contextmanager
def chroma_server(folder: Path, encoder: Encoder) -> Iterator[Collection]:
    """Vectors in a Chroma server, which is started here."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(folder / "server")]
    environment = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
    with subprocess.Popen(
        [*command, "--port", str(port), "--host", "127.0.0.1"], env=environment, stdout=subprocess.DEVNULL
    ) as server:
        try:
            while server.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.2)
            with closing(Collection(folder, encoder, chroma_url=f"http://127.0.0.1:{port}")) as collection:
                yield collection
        finally:
            server.terminate()


@contextmanager
def qdrant(
    folder: Path, encoder: Encoder, *, url: str | None, documents_url: str | None = None
) -> Iterator[Collection]:
    """Vectors and token vectors in Qdrant, or in its client's local mode; documents in PostgreSQL, if it is named."""
    server = connect(url) if url else QdrantServer(QdrantClient(":memory:"), "local mode")
    documents = open_documents(folder, documents_url) if documents_url else None
    try:
        with closing(server), closing(Collection(folder, encoder, qdrant=server, documents=documents)) as collection:
            yield collection
    finally:
        delete_documents(folder, documents_url)


def engines() -> dict[str, Open]:
    """Those that are here, by their names in the table."""
    named: dict[str, Open] = {"Chroma, SQLite (embedded)": embedded, "Chroma server, SQLite": chroma_server}
    documents_url = os.environ.get("ISTHMUS_DOCUMENTS_URL")
    url = os.environ.get("ISTHMUS_QDRANT_URL")
    place = "Qdrant" if url else "Qdrant's local mode"
    named[f"{place}, SQLite"] = partial(qdrant, url=url)
    if documents_url:
        named[f"{place}, PostgreSQL"] = partial(qdrant, url=url, documents_url=documents_url)
    return named


def write(collection: Collection, made: list[Batch]) -> float:
    """Write all passages, as documents; the seconds that it took."""
    start = time.perf_counter()
    for number, (texts, vectors, tokens) in enumerate(tqdm(made, disable=None)):
        for n in range(0, len(texts), DOCUMENT_PASSAGES):
            rows = slice(n, n + DOCUMENT_PASSAGES)
            document, passages = make_document(f"d{number:05}-{n:03}", texts[rows])
            collection.write(document, passages, (), [EmbeddedPassages(passages, vectors[rows], tokens[rows])])
    collection.refresh()
    return time.perf_counter() - start


def measure(open_collection: Open, made: list[Batch], encoder: Encoder) -> list[float]:
    """Passages written a second, and milliseconds of a search: median and 95th percentile, re-ranked and not."""
    with tempfile.TemporaryDirectory() as folder, open_collection(Path(folder), encoder) as collection:
        seconds = write(collection, made)
        retriever = CrossLingualRetriever(
            encoder=encoder, index=collection, k=6, reranker=build_reranker(load_settings(), collection.tokens)
        )
        times = search_times(retriever)
    size = sum(len(texts) for texts, _, _ in made)
    return [size / seconds, *(float(np.percentile(part, share)) for part in times for share in (50, 95))]


def pooled(batch: Batch) -> Batch:
    """A batch with its tokens pooled, as they are stored."""
    texts, vectors, tokens = batch
    return texts, vectors, list(pool(EmbeddedPassages([], vectors, tokens)).tokens or ())


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--passages", type=int, default=PASSAGES)
    size = parser.parse_args().passages
    for name in ("tatoeba", "xquad"):
        data_folder(name)
    encoder = build_encoder(load_settings())
    made = [
        pooled(batch)
        for batch in tqdm(batches(size, EMBEDDED, encoder, Stopwatch(["embed"])), total=-(-size // BATCH), disable=None)
    ]
    rows: list[list[object]] = []
    for name, open_collection in engines().items():
        load = os.getloadavg()[0]
        rows.append([name, size, *measure(open_collection, made, encoder), load])
    columns = ["vectors, documents", "passages", "intake/s", "p50 ms", "p95 ms", "p50 ms without", "p95 ms without"]
    publish(
        "cluster" if size == PASSAGES else f"cluster-{size}",
        CAPTION,
        [*columns, "load"],
        rows,
        data="Tatoeba, XQuAD",
        seeds=[SEED],
        encoders=[encoder],
    )


if __name__ == "__main__":
    main()

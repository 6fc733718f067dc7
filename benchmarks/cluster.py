"""What a library gains or loses on other engines: `python -m benchmarks.cluster --part stores|users`.

- stores: passages taken in a second, and the time of a search, at 10,000 and 100,000 passages (`--sizes`). Passages and
  vectors are those of `benchmarks.scale`: the first 2,000 are embedded, the others have their vectors again with noise.
  Embedding is not counted, neither of passages nor of questions: it is the same everywhere. Documents of 50 passages
  are written one after the other, as a library does. Questions are XQuAD's; a search finds and re-ranks.
- users: 1, 10 and 50 users ask over REST at once of one API process with the embedded library, of one on PostgreSQL
  and Qdrant, and of two, over the 62 sample articles; the generator replies at once (see `benchmarks.server`).

"Qdrant's engine" is the server's own code in this process (the package qdrant-edge-py): its graph and its 4-bit token
vectors, without its network. "local mode" is the Python client's own imitation, which compares everything. With
ISTHMUS_QDRANT_URL a real server is beside them. PostgreSQL is Debian's, on this machine; it forces commits to disk.
"""

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qdrant_client import QdrantClient
from tqdm import tqdm

from benchmarks.cluster_users import users
from benchmarks.report import data_folder, publish
from benchmarks.scale import Batch, Stopwatch, batches, make_document
from benchmarks.server import free_port
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.data.squad import read_squad
from retriever.evaluation.systems import late_interaction_reranker
from retriever.models.encoder import Encoder
from retriever.search.retriever import CrossLingualRetriever
from retriever.search.understanding import understand
from retriever.store.collection import Collection
from retriever.store.embedding import EmbeddedPassages
from retriever.store.opening import open_shared_documents
from retriever.store.qdrant_server import QdrantServer, connect
from retriever.store.shared_collection import SharedCollection
from retriever.store.token_vectors import pool_tokens
from retriever.types import Document, Passage, Query, Vectors
from tests.conftest import running_chroma
from tests.postgresql import running_postgresql
from tests.qdrant_edge import EdgeClient, engine

EMBEDDED = 2000
DOCUMENT_PASSAGES = 50
LOCAL_MODE_PASSAGES = 10_000
"""The most that local mode is asked to hold: it compares every token vector of all passages for each question."""
QUESTIONS_PER_LANGUAGE = 25
SEED = 1
EMBEDDED_LIBRARY = "Chroma and SQLite, embedded"
COLUMNS = ("store", "passages", "passages/s", "then indexed s", "p50 ms", "p95 ms", "times embedded p50")

Written = tuple[Document, list[Passage], EmbeddedPassages]
"""A document, its passages, and their vectors, with those of tokens pooled."""


@dataclass(frozen=True, slots=True)
class Store:
    """A library's store that is open, and what builds its indexes after the writing, if it does not by itself."""

    collection: Collection | SharedCollection
    build_indexes: Callable[[], None] = lambda: None


Opener = Callable[[Path, Encoder], AbstractContextManager[Store]]


@contextlib.contextmanager
def embedded(folder: Path, encoder: Encoder) -> Iterator[Store]:
    """The default."""
    with contextlib.closing(Collection(folder, encoder)) as collection:
        yield Store(collection)


@contextlib.contextmanager
def chroma_server(folder: Path, encoder: Encoder) -> Iterator[Store]:
    """Vectors on a Chroma server of this machine."""
    port = free_port()
    with running_chroma(folder / "server", port):
        collection = Collection(folder, encoder, chroma_url=f"http://127.0.0.1:{port}")
        with contextlib.closing(collection):
            yield Store(collection)


@contextlib.contextmanager
def local_mode(folder: Path, encoder: Encoder) -> Iterator[Store]:
    """Vectors in the Qdrant client's local mode."""
    server = QdrantServer(QdrantClient(":memory:"), "local mode")
    with contextlib.closing(server), contextlib.closing(Collection(folder, encoder, qdrant=server)) as collection:
        yield Store(collection)


@contextlib.contextmanager
def qdrant_engine(folder: Path, encoder: Encoder) -> Iterator[Store]:
    """Vectors in Qdrant's engine."""
    client = EdgeClient(folder / "qdrant")
    server = engine(client)
    with contextlib.closing(server), contextlib.closing(Collection(folder, encoder, qdrant=server)) as collection:
        yield Store(collection, client.optimize)


@contextlib.contextmanager
def qdrant_engine_and_postgresql(folder: Path, encoder: Encoder) -> Iterator[Store]:
    """Vectors in Qdrant's engine, documents and words in PostgreSQL."""
    client = EdgeClient(folder / "qdrant")
    server = engine(client)
    with running_postgresql(free_port(), is_safe=True) as postgresql, contextlib.closing(server):
        documents = open_shared_documents(folder, postgresql.new_database())
        with contextlib.closing(SharedCollection(folder, encoder, documents, server)) as collection:
            yield Store(collection, client.optimize)


@contextlib.contextmanager
def qdrant_server(folder: Path, encoder: Encoder) -> Iterator[Store]:
    """Vectors on the server at ISTHMUS_QDRANT_URL, which are deleted afterwards."""
    server = connect(os.environ["ISTHMUS_QDRANT_URL"], os.environ.get("ISTHMUS_QDRANT_API_KEY"))
    with contextlib.closing(server):
        before = [known.name for known in server.client.get_collections().collections]
        try:
            with contextlib.closing(Collection(folder, encoder, qdrant=server)) as collection:
                yield Store(collection)
        finally:
            for created in server.client.get_collections().collections:
                if created.name not in before:
                    server.client.delete_collection(created.name)


def openers(passages: int) -> Iterator[tuple[str, Opener]]:
    """The stores that can hold so many passages here, by name; the embedded one is the first."""
    yield EMBEDDED_LIBRARY, embedded
    yield "Chroma server and SQLite", chroma_server
    if passages <= LOCAL_MODE_PASSAGES:
        yield "Qdrant's local mode and SQLite", local_mode
    yield "Qdrant's engine and SQLite", qdrant_engine
    yield "Qdrant's engine and PostgreSQL", qdrant_engine_and_postgresql
    if "ISTHMUS_QDRANT_URL" in os.environ:
        yield "Qdrant server and SQLite", qdrant_server


def documents(batched: Sequence[Batch]) -> Iterator[Written]:
    """The passages of the batches in documents."""
    pooled: dict[int, Vectors] = {}  # by the object: most passages share the tokens of an embedded one
    for number, (texts, vectors, tokens) in enumerate(batched):
        for start in range(0, len(texts), DOCUMENT_PASSAGES):
            rows = slice(start, start + DOCUMENT_PASSAGES)
            document, passages = make_document(f"d{number:05}-{start:03}", texts[rows])
            for each in tokens[rows]:
                if id(each) not in pooled:
                    pooled[id(each)] = pool_tokens(each)
            yield document, passages, EmbeddedPassages(passages, vectors[rows], [pooled[id(t)] for t in tokens[rows]])


def measure(
    store: Store, encoder: Encoder, batched: Sequence[Batch], queries: Sequence[Query]
) -> tuple[float, float, list[float]]:
    """Seconds of writing, and of building the indexes; and the milliseconds of each search."""
    collection, watch = store.collection, Stopwatch(("write", "index"))
    for document, passages, vectors in tqdm(documents(batched), unit=" documents", disable=None):
        watch.restart()
        with collection.writing(document):
            collection.write(document, passages, embedded=[vectors])
        watch.stop("write")
    watch.restart()
    store.build_indexes()
    collection.refresh()
    watch.stop("index")
    reranker = late_interaction_reranker(collection.tokens)
    retriever = CrossLingualRetriever(encoder=encoder, index=collection, reranker=reranker)
    times = []
    for query in queries:
        start = time.perf_counter()
        retriever.search(query)
        times.append(1000 * (time.perf_counter() - start))
    return watch.seconds["write"], watch.seconds["index"], times[1:]  # the first one warms up


def stores(sizes: Sequence[int]) -> None:
    """The table `cluster`."""
    encoder = build_encoder(load_settings())
    squad = read_squad(data_folder("xquad"))
    questions = [question.text for rows in squad.questions.values() for question in rows[:QUESTIONS_PER_LANGUAGE]]
    queries = [understand(question, encoder) for question in questions]
    table: list[list[object]] = []
    for size in sizes:
        batched = list(batches(size, EMBEDDED, encoder, Stopwatch(("embed",))))
        peer = 0.0
        for name, open_store in openers(size):
            with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), encoder) as store:
                written, indexed, times = measure(store, encoder, batched, queries)
                p50, p95 = np.percentile(times, [50, 95])
                peer = peer or p50
                table.append([name, size, f"{size / written:.0f}", indexed, p50, p95, p50 / peer])
    publish(
        "cluster",
        "One library on several engines: passages taken in a second (embedding not counted), seconds until their "
        "indexes are built, and a search with its re-ranking, the question embedded",
        COLUMNS,
        table,
        data="Tatoeba, XQuAD",
        seeds=[SEED],
        encoders=[encoder],
    )


def main() -> None:
    """Publish the table of a part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", choices=("stores", "users"), required=True)
    parser.add_argument("--sizes", default="10000,100000", help="passages, for stores")
    arguments = parser.parse_args()
    if arguments.part == "users":
        users()
        return
    data_folder("tatoeba")
    stores([int(size) for size in arguments.sizes.split(",")])


if __name__ == "__main__":
    main()

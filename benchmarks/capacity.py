"""What a library of 10 M, 100 M and 1 G passages would take on a cluster: a calculation, of which little was measured.

`python -m benchmarks.capacity [--passages 10000000,100000000,1000000000] [--price 1] …`

Every formula is a property of `Library` or `Plan` below, and says where its figures are from: measured here (the file
under benchmarks/results), or assumed. No cluster was there to try it on. The defaults are the packaged encoder's.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import read_result
from benchmarks.report import publish
from retriever.search.late_interaction import LateInteraction
from retriever.store.token_vectors import POOLING

CAPTION = (
    "On paper, nothing of it tried: a library on Qdrant and PostgreSQL. “tokens” says how token vectors are kept: in "
    "16 bits with copies of 4 (as Isthmus does in Qdrant), in 8 alone (as the embedded library does), in 4 alone, or "
    "not at all, and computed anew for each question's nearest passages. "
    "GB and TB are of all replicas; “texts” are in PostgreSQL, whose nodes and those of pages, encoder and generator "
    "come on top; “p95” is before generation; costs are in the unit of --price, index nodes alone"
)
TOKEN_BYTES = {"16 and 4 bit": 2.5, "8 bit": 1.0, "4 bit": 0.5, "anew": 0.0}
"""Bytes of a component of a token vector, by how they are kept."""
SCALE_BYTES = 4
"""A 4-bit vector has a scale beside it. Assumed; 8-bit rows have none (retriever.store.token_vectors.pack)."""
GRAPH_BYTES = 141
"""HNSW's links of a passage in Qdrant. A note of November 2026 (m = 16), without a command."""
WORD_BYTES_PER_TOKEN = 580 / 150
"""Qdrant's sparse vector of a passage with its index. A note of November 2026: 580 bytes for 150 tokens."""
USABLE_MEMORY, USABLE_DISK = 0.7, 0.75
"""Shares of a node for the index; the rest is for the system, caches and merging of segments. Assumed."""
MIN_NODES = 3
"""Raft's majority outlives one node of three."""
MEASURED_TOKENS = 150
"""Tokens of a passage of XQuAD, with which the encoder was measured: twice scale's 75 pooled vectors. Rounded."""
ENCODER_PARAMETERS = 21e6
"""Of the packaged encoder without its word vectors, which multiply nothing."""
WORKER_CORES = 2
"""Cores of the machine on which the encoder was measured."""
HOURS_A_MONTH = 730
TOKENS_MS, DOCUMENTS_MS, NETWORK_MS = 5.0, 5.0, 5.0
"""95th percentiles of reading (or computing) token vectors, of PostgreSQL, of the network between. Assumed."""
INDEX_MS, INDEX_MS_PER_TENFOLD, INDEX_BASE = 20.0, 30.0, 100e6
"""Qdrant's 95th percentile up to 100 M passages, and what ten times as many add. Assumed."""


@dataclass(frozen=True, slots=True)
class Library:
    """What is stored. `tokens` and `text_bytes` are of a passage; `kept` is how its token vectors are kept."""

    passages: int
    dimensions: int = 384
    tokens: int = 150
    text_bytes: int = 1100
    kept: str = "16 and 4 bit"

    @property
    def memory_bytes(self) -> float:
        """Of a passage, one replica: its vector in 8 bits, and the graph."""
        return self.dimensions + GRAPH_BYTES

    @property
    def word_bytes(self) -> float:
        """Of a passage."""
        return WORD_BYTES_PER_TOKEN * self.tokens

    @property
    def token_bytes(self) -> float:
        """Of a passage: a vector for every POOLING tokens."""
        vectors = math.ceil(self.tokens / POOLING)
        scale = SCALE_BYTES if self.kept.endswith("4 bit") else 0
        return vectors * (self.dimensions * TOKEN_BYTES[self.kept] + scale)

    @property
    def disk_bytes(self) -> float:
        """Of a passage, one replica, without its text: what is in memory, the vector in float32, words, tokens."""
        return self.memory_bytes + 4 * self.dimensions + self.word_bytes + self.token_bytes


@dataclass(frozen=True, slots=True)
class Cluster:
    """Equal nodes, their price an hour, and so many workers of WORKER_CORES cores that embed once."""

    replicas: int = 2
    memory_gb: float = 128
    disk_tb: float = 2
    cores: int = 16
    price: float = 1
    workers: int = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """A library on a cluster. A worker embeds `rate` passages of MEASURED_TOKENS tokens a second; a query takes
    `encode_ms`.
    """

    library: Library
    cluster: Cluster
    rate: float
    encode_ms: float

    @property
    def memory_gb(self) -> float:
        """Of all replicas."""
        return self.library.passages * self.library.memory_bytes * self.cluster.replicas / 1e9

    @property
    def disk_tb(self) -> float:
        """Of all replicas of the index."""
        return self.library.passages * self.library.disk_bytes * self.cluster.replicas / 1e12

    @property
    def text_tb(self) -> float:
        """Of all replicas of the texts in PostgreSQL, without its own overhead."""
        return self.library.passages * self.library.text_bytes * self.cluster.replicas / 1e12

    @property
    def nodes(self) -> int:
        """Of the index: enough for its memory, for its disk, and for a majority."""
        by_memory = self.memory_gb / (USABLE_MEMORY * self.cluster.memory_gb)
        by_disk = self.disk_tb / (USABLE_DISK * self.cluster.disk_tb)
        return max(math.ceil(by_memory), math.ceil(by_disk), MIN_NODES)

    @property
    def embedding_hours(self) -> float:
        """With all workers; a passage takes as long as it has tokens."""
        rate = self.rate * MEASURED_TOKENS / self.library.tokens
        return self.library.passages / (rate * self.cluster.workers) / 3600

    @property
    def p95_ms(self) -> float:
        """Before generation: the sum of the parts' 95th percentiles, which is more than that of their sum."""
        tenfolds = max(math.log10(self.library.passages / INDEX_BASE), 0.0)
        index = INDEX_MS + INDEX_MS_PER_TENFOLD * tenfolds
        return self.encode_ms + index + TOKENS_MS + DOCUMENTS_MS + NETWORK_MS

    @property
    def question_tflop(self) -> float:
        """To compute the tokens of a question's nearest passages anew, in one language: 2 operations a parameter."""
        if TOKEN_BYTES[self.library.kept]:
            return 0.0
        return 2 * ENCODER_PARAMETERS * self.library.tokens * LateInteraction.depth / 1e12

    @property
    def month_cost(self) -> float:
        """Of the index's nodes."""
        return self.nodes * self.cluster.price * HOURS_A_MONTH

    @property
    def embedding_cost(self) -> float:
        """Of the workers' nodes, once."""
        return self.embedding_hours * self.cluster.workers * WORKER_CORES / self.cluster.cores * self.cluster.price


COLUMNS = [
    *("passages", "tokens", "bytes a passage", "memory GB", "disk TB", "texts TB", "index nodes"),
    *("embedding h", "p95 ms", "TFLOP a question", "cost a month", "cost of embedding"),
]


def table_row(plan: Plan) -> list[object]:
    """A line of the table."""
    library = plan.library
    return [
        *(f"{library.passages:,}", library.kept, round(library.disk_bytes), plan.memory_gb, plan.disk_tb, plan.text_tb),
        *(plan.nodes, plan.embedding_hours, round(plan.p95_ms), plan.question_tflop),
        *(round(plan.month_cost), round(plan.embedding_cost)),
    ]


def measured_encoder() -> tuple[float, float]:
    """Passages a second and milliseconds of a query, of the default back-end (`python -m benchmarks.encoder`)."""
    result = read_result("encoder")
    rows = {row[0]: dict(zip(result["columns"], row, strict=True)) for row in result["rows"]}
    return float(rows["openvino"]["passages/s"]), float(rows["openvino"]["one query, ms"])


def plans(sizes: Sequence[int], arguments: argparse.Namespace) -> list[Plan]:
    """A plan for each size and way to keep tokens."""
    rate, encode_ms = measured_encoder()
    cluster = Cluster(
        arguments.replicas,
        arguments.node_memory,
        arguments.node_disk,
        arguments.node_cores,
        arguments.price,
        arguments.workers,
    )
    return [
        Plan(
            Library(size, arguments.dimensions, arguments.tokens, arguments.text_bytes, kept), cluster, rate, encode_ms
        )
        for size in sizes
        for kept in TOKEN_BYTES
    ]


def positive(text: str) -> float:
    """The number, for argparse; it must be more than 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def count(text: str) -> int:
    """The whole number, for argparse; it must be more than 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number


def counts(text: str) -> list[int]:
    """Several whole numbers with commas between them."""
    return [count(part) for part in text.split(",")]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    library, cluster = Library(1), Cluster()
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--passages", type=counts, default=[10**7, 10**8, 10**9], help="sizes, with commas between")
    options.add_argument("--dimensions", type=count, default=library.dimensions, help="of the encoder's vectors")
    options.add_argument("--tokens", type=count, default=library.tokens, help="of a passage")
    options.add_argument("--text-bytes", type=count, default=library.text_bytes, help="of a passage")
    options.add_argument("--replicas", type=count, default=cluster.replicas)
    options.add_argument("--node-memory", type=positive, default=cluster.memory_gb, help="GB of a node")
    options.add_argument("--node-disk", type=positive, default=cluster.disk_tb, help="TB of a node")
    options.add_argument("--node-cores", type=count, default=cluster.cores)
    options.add_argument("--price", type=positive, default=cluster.price, help="of a node for an hour")
    options.add_argument("--workers", type=count, default=cluster.workers, help=f"of {WORKER_CORES} cores, that embed")
    return options


def main() -> None:
    """Calculate and publish."""
    arguments = parser().parse_args()
    publish("capacity", CAPTION, COLUMNS, [table_row(plan) for plan in plans(arguments.passages, arguments)])


if __name__ == "__main__":
    main()

"""What do fewer bits for token vectors cost? Qdrant's engine re-ranks, on questions that nothing was chosen on.

    python -m benchmarks.token_bits

XQuAD's held-out articles and AfriQA's training files in their own languages, against English passages, as the product
searches. First candidates are the same for all; only the store of token vectors differs: the embedded library's own,
of 8 bits, and Qdrant's with copies of 16, 8 and 4 bits, and fewer. The engine is the server's own code, without its
network (the package qdrant-edge-py).
"""

import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from qdrant_client import models
from tqdm import tqdm

from benchmarks.answer_data import LANGUAGES, afriqa_part, native_afriqa, xquad_part
from benchmarks.report import data_folder, parse_no_arguments, publish
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.evaluation.metrics import compare
from retriever.evaluation.systems import index_pool
from retriever.evaluation.tasks import Text
from retriever.models.encoder import Encoder
from retriever.search.late_interaction import LateInteraction
from retriever.search.retriever import CrossLingualRetriever
from retriever.search.understanding import understand
from retriever.store.collection import Collection
from retriever.store.embedding import embed, pool
from retriever.store.ports import TokenStore
from retriever.store.qdrant import QdrantTokenVectors
from tests.qdrant_edge import EdgeClient, engine

Question = tuple[str, str, str, str]
"""Its group (the same for its translations), language, text, and right passage."""
EMBEDDED = "8 bits, embedded library"
TURBO = {
    name: models.TurboQuantization(turbo=models.TurboQuantQuantizationConfig(bits=bits))
    for name, bits in {
        "8 bits, TurboQuant": models.TurboQuantBitSize.BITS8,
        "4 bits, TurboQuant": models.TurboQuantBitSize.BITS4,
        "2 bits, TurboQuant": models.TurboQuantBitSize.BITS2,
        "1 bit, TurboQuant": models.TurboQuantBitSize.BITS1,
    }.items()
}
COPIES: Mapping[str, models.QuantizationConfig | None] = {
    "16 bits": None,
    "8 bits": models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8)),
    **TURBO,
}
"""Qdrant's copies by name; the first is the original itself."""
COLUMNS = ("token vectors", "data", "questions", "R@1", "less 16 bits", "low", "high", "p")


class CopyingClient(EdgeClient):
    """The engine with another kind of copies than Isthmus asks for."""

    def __init__(self, folder: Path, copies: models.QuantizationConfig | None) -> None:
        super().__init__(folder, indexing_threshold=1)
        self._copies = copies

    def create_collection(self, name: str, vectors: models.VectorParams, metadata: dict[str, object]) -> bool:
        """See EdgeClient."""
        return super().create_collection(
            name, vectors.model_copy(update={"quantization_config": self._copies}), metadata
        )


def token_stores(collection: Collection, encoder: Encoder, folder: Path) -> dict[str, TokenStore]:
    """The token vectors of a library in each kind of store."""
    if collection.tokens is None:
        raise RuntimeError("The collection keeps no token vectors.")
    stores: dict[str, TokenStore] = {EMBEDDED: collection.tokens}
    pooled = pool(embed(encoder, collection.documents.all_passages(), with_tokens=True))
    rows = {passage.id: tokens for passage, tokens in zip(pooled.passages, pooled.tokens or (), strict=True)}
    for number, (name, copies) in enumerate(COPIES.items()):
        client = CopyingClient(folder / str(number), copies)
        store = QdrantTokenVectors(engine(client), encoder, "library")
        store.add(rows)
        client.optimize()
        stores[name] = store
    return stores


def first_hits(encoder: Encoder, texts: Sequence[str], questions: Sequence[Question]) -> dict[str, dict[str, float]]:
    """For each kind of store, whether the right passage is first, the mean over the languages of each group."""
    numbers = {text: str(number) for number, text in enumerate(texts)}
    hits: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        passages = {number: Text(text, "en") for text, number in numbers.items()}
        with contextlib.closing(index_pool(folder, encoder, passages)) as collection:
            retrievers = {
                name: CrossLingualRetriever(
                    encoder=encoder, index=collection, reranker=LateInteraction(store.max_similarities)
                )
                for name, store in token_stores(collection, encoder, folder).items()
            }
            for group, language, text, right in tqdm(questions, disable=None):
                query = understand(text, encoder, language=language)
                for name, retriever in retrievers.items():
                    best = retriever.search(query)[0].passage.id
                    hits.setdefault(name, {}).setdefault(group, []).append(float(best == numbers[right]))
    return {name: {group: float(np.mean(rows)) for group, rows in groups.items()} for name, groups in hits.items()}


def main() -> None:
    """Search with each, and publish."""
    parse_no_arguments(__doc__)
    encoder = build_encoder(load_settings())
    xquad, afriqa = xquad_part(data_folder("xquad"), "test"), afriqa_part(data_folder("afriqa"), "test")
    parts: dict[str, tuple[Sequence[str], list[Question]]] = {
        "XQuAD": (
            xquad.passages,
            [(q.id, q.language, q.text, q.passage) for q in xquad.questions if q.language in LANGUAGES and q.passage],
        ),
        "AfriQA": (
            afriqa.passages,
            [
                (row.english, row.language, row.text, row.passage)
                for row in native_afriqa(data_folder("afriqa"), "test", set(afriqa.passages))
            ],
        ),
    }
    table: list[list[object]] = []
    for data, (passages, questions) in parts.items():
        hits_by_store = first_hits(encoder, passages, questions)
        exact = hits_by_store[next(iter(COPIES))]
        for name, hits in hits_by_store.items():
            difference = compare([hits[group] for group in exact], list(exact.values()))
            share = float(np.mean(list(hits.values())))
            cells = (difference.difference, difference.low, difference.high, difference.p)
            table.append([name, data, len(questions), share, *cells])
    publish(
        "token_bits",
        "Bits of the token vectors that re-rank, in Qdrant's engine, as the product searches English passages; R@1, "
        "clustered by question",
        COLUMNS,
        table,
        data="XQuAD, AfriQA",
        encoders=[encoder],
    )


if __name__ == "__main__":
    main()

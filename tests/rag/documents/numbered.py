"""Documents that each tell of one number many times, and an encoder for them: what tests kill and cut off."""

import hashlib
import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.documents.library import Library
from rag.settings import Settings
from retriever.types import Vectors

SENTENCES = 100


class HashEncoder:
    """Vectors that cost nothing, so that nearly all of the time goes into writing."""

    name = "hash"

    def encode_passages(self, texts: Sequence[str], progress: bool = False) -> Vectors:
        seeds = [int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) for text in texts]
        vectors = np.array([np.random.default_rng(seed).normal(size=64) for seed in seeds], dtype=np.float32)
        unit_vectors: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit_vectors

    encode_queries = encode_passages

    def encode_query(self, text: str, language: str, with_tokens: bool = True) -> tuple[Vectors, Vectors | None]:
        return self.encode_passages([text])[0], self.encode_passage_tokens([text])[1][0]

    def encode_passage_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        vectors = self.encode_passages(texts)
        return vectors, [np.stack([np.roll(vector, turn) for turn in range(4)]) for vector in vectors]


class GatedEncoder(HashEncoder):
    """Embeds passages that tell of a number from `first` on only once there is a file."""

    def __init__(self, settings: Settings, first: int, gate: Path) -> None:
        self._first = first
        self._gate = gate

    def encode_passage_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        last = max(map(int, re.findall(r"Document (\d+) tells", " ".join(texts))), default=0)
        while last >= self._first and not self._gate.exists():
            time.sleep(0.02)
        return super().encode_passage_tokens(texts)


def numbered_text(number: int) -> str:
    """A document that tells of a number."""
    return f"Document {number} tells of the year {number}. " * SENTENCES


def stored_numbers(library: Library) -> dict[str, int]:
    """The number that each document tells of, by its name; none is half there, and the indexes agree."""
    assert library.check() == []
    by_document: dict[str, list[str]] = {}
    for passage in library.collection.documents.all_passages():
        by_document.setdefault(passage.document_id, []).append(passage.text)
    assert set(by_document) == {document.id for document in library.documents()}
    numbers = {}
    for document in library.documents():
        number, *others = set(re.findall(r"Document (\d+) tells", text := " ".join(by_document[document.id])))
        assert (text.count("tells of"), others) == (SENTENCES, []), document
        numbers[document.source] = int(number)
    return numbers

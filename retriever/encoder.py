"""The embedding model: queries and passages of any language into one vector space."""

import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from langchain_core.embeddings import Embeddings
from tqdm import tqdm

from retriever.backends import BackendName, Role, TorchBackend, load_model, open_backend
from retriever.language import detect_language
from retriever.offsets import load_offsets, without_offset
from retriever.packaged import aligned_folder, encoder_folder
from retriever.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED = {"aligned": aligned_folder, "base": encoder_folder}
DEFAULT = "aligned"
BASE_FILE = "isthmus.json"
"""In a model folder: {"english_queries": the encoder it came from, "passages": whether that one embeds them too}."""
E5_PREFIXES = ("query: ", "passage: ")
REMEMBERED = 16384
"""Vectors kept: one question is asked for several times on its way to an answer, and so are sentences of passages."""
ASKED = 64
"""Questions whose tokens are kept: one that comes alone is searched for, and its tokens are wanted next."""
TURN = 256
"""Texts embedded at a time: a question asked while a large document is taken in waits for no more than these."""
PROBE = "Isthmus 1859: Căile peste istm, इस्थमस, 地峡, البرزخ"
SAME_ENCODER = 0.99
"""Least cosine of two vectors of the probe text for encoders to count as the same (back-ends differ a little)."""
# Hub copies of e5 do not carry their prefixes in the model's own configuration.
_NAMED_E5 = re.compile(r"\be5-(?:small|base|large)(?:-v2)?$", re.IGNORECASE)


class Encoder(Embeddings):
    """An embedding model that knows its query and passage prefixes; a LangChain `Embeddings`.

    `model` is "aligned" (the packaged multilingual-e5-small, aligned over languages), "base" (the same as it was), a
    sentence-transformers folder, or a hub id. Prefixes come from the argument, else from the model's own prompts, else
    from e5's convention if the name is an e5's. A folder that `isthmus align` made names the encoder it came from:
    English queries are embedded by that one, so that aligning other languages costs them nothing, and passages too if
    only queries were aligned. Offsets that lie in it (`retriever.offsets`) are taken off the queries of their
    languages. `backend` computes; None is the fastest here (`retriever.backends`).

    Vectors are float32 of unit length. Raises IsthmusError if the model cannot be loaded.
    """

    def __init__(
        self,
        model: str = DEFAULT,
        *,
        cache: Path,
        query_prefix: str | None = None,
        passage_prefix: str | None = None,
        device: str | None = None,
        backend: BackendName | None = None,
    ) -> None:
        self.name = model
        self.cache = cache
        self.folder = str(PACKAGED[model](cache)) if model in PACKAGED else model
        self._backend = open_backend(self.folder, cache, backend, device)
        defaults = E5_PREFIXES if _NAMED_E5.search(model) else ("", "")
        own = self._backend.prompts
        self.query_prefix = _first(query_prefix, own.get("query"), defaults[0])
        self.passage_prefix = _first(passage_prefix, own.get("document", own.get("passage")), defaults[1])
        self._base, self._for_passages = self._open_base(device, backend)
        self._offsets = load_offsets(Path(self.folder))
        self._lock = threading.RLock()
        self._remembered: OrderedDict[tuple[Role, str], Vectors] = OrderedDict()
        self._asked: OrderedDict[str, Vectors] = OrderedDict()

    def _open_base(self, device: str | None, backend: BackendName | None) -> "tuple[Encoder | None, Encoder | None]":
        """The encoder that English queries stay with, and the one that passages stay with, if the model names them."""
        note = Path(self.folder, BASE_FILE)
        if not note.is_file():
            return None, None
        told = json.loads(note.read_text(encoding="utf-8"))
        prefixes = {"query_prefix": self.query_prefix, "passage_prefix": self.passage_prefix}
        base = Encoder(told["english_queries"], cache=self.cache, device=device, backend=backend, **prefixes)
        return base, base if told.get("passages") else None

    @property
    def device(self) -> str:
        """Where the model runs: "cpu", "cuda:0", …"""
        return self._backend.device

    @property
    def dimensions(self) -> int:
        """Length of the vectors."""
        return self._backend.dimensions

    @cached_property
    def model(self) -> "SentenceTransformer":
        """The sentence-transformers model, for training and for tools that want one (mteb)."""
        if isinstance(self._backend, TorchBackend):
            return self._backend.model
        return load_model(self.folder, self.device)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries, shape (len(texts), dimensions); the last few thousand are remembered."""
        return self._encode(texts, "query")

    def encode_passages(self, texts: Sequence[str], *, progress: bool = False) -> Vectors:
        """Unit vectors of passages, shape (len(texts), dimensions); longer texts than the model reads are cut."""
        if self._for_passages:
            return self._for_passages.encode_passages(texts, progress=progress)
        return self._encode(texts, "document", progress)

    def encode_passage_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """`encode_passages` and, for each text, the unit vectors of its tokens, shape (tokens, width), in one pass.

        Raises IsthmusError if the model makes no vectors of tokens.
        """
        if self._for_passages:
            return self._for_passages.encode_passage_tokens(texts)
        with self._lock:
            encoded = self._backend.encode_tokens(texts, "document", self.passage_prefix)
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, one in enumerate(encoded):
            vectors[row] = one.vector
        return vectors, [one.tokens for one in encoded]

    def encode_query_tokens(self, text: str) -> Vectors:
        """Unit vectors of a query's tokens, shape (tokens, width). Raises IsthmusError if the model makes none."""
        if self._base and detect_language(text) == "en":
            return self._base.encode_query_tokens(text)
        with self._lock:
            return self._asked[text] if text in self._asked else self._ask(text)[1]

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of `encode_queries` for one query."""
        return [float(value) for value in self.encode_queries([text])[0]]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form of `encode_passages`."""
        return [[float(value) for value in vector] for vector in self.encode_passages(texts)]

    def _encode(self, texts: Sequence[str], role: Role, progress: bool = False) -> Vectors:
        with self._lock:
            known = {text: vector for text in texts if (vector := self._remembered.get((role, text))) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        for start in tqdm(range(0, len(missing), TURN), desc="Embedding", disable=not progress):
            part = missing[start : start + TURN]
            with self._lock:
                known.update(self._compute(part, role))
                self._remembered.update(((role, text), known[text]) for text in part)
                while len(self._remembered) > REMEMBERED:
                    self._remembered.popitem(last=False)
            if start + TURN < len(missing):
                time.sleep(0.001)  # else this thread would take the lock again before a question gets it
        return np.stack([known[text] for text in texts]) if texts else np.zeros((0, self.dimensions), dtype=np.float32)

    def _compute(self, texts: list[str], role: Role) -> Iterator[tuple[str, Vectors]]:
        english = {text for text in texts if role == "query" and self._base and detect_language(text) == "en"}
        others = [text for text in texts if text not in english]
        if english and self._base:
            yield from zip(english, self._base.encode_queries(list(english)), strict=True)
        if others:
            prompt = self.query_prefix if role == "query" else self.passage_prefix
            alone = role == "query" and len(others) == 1 and self._backend.has_tokens
            vectors = self._ask(others[0])[0][None] if alone else self._backend.encode(others, role, prompt)
            if role == "query" and self._offsets:
                vectors = np.stack([self._in_place(text, vector) for text, vector in zip(others, vectors, strict=True)])
            yield from zip(others, vectors, strict=True)

    def _ask(self, query: str) -> tuple[Vectors, Vectors]:
        """The vector of one query, and of its tokens, which are remembered."""
        encoded = self._backend.encode_tokens([query], "query", self.query_prefix)[0]
        self._asked[query] = encoded.tokens
        while len(self._asked) > ASKED:
            self._asked.popitem(last=False)
        return encoded.vector, encoded.tokens

    def _in_place(self, query: str, vector: Vectors) -> Vectors:
        offset = self._offsets.get(detect_language(query))
        return vector if offset is None else without_offset(vector, offset)


def _first(*prefixes: str | None) -> str:
    """The first prefix that is set; the last one always is."""
    return next(prefix for prefix in prefixes if prefix is not None)


def probe_of(encoder: Encoder) -> Vectors:
    """A vector that tells encoders of passages apart, (dimensions,)."""
    probe: Vectors = encoder.encode_passages([PROBE])[0]
    return probe


def same_encoder(probe: Vectors, other: Vectors) -> bool:
    """Whether two encoders' probes are alike enough for their passages to be compared."""
    return probe.shape == other.shape and float(probe @ other) >= SAME_ENCODER

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

from retriever.languages.detection import detect_language
from retriever.models.backends import BackendName, Role, TorchBackend, load_model, open_backend
from retriever.models.backends.tokens import missing_token_vectors
from retriever.models.offsets import load_offsets, without_offset
from retriever.models.protocols import PassageEncoder
from retriever.models.registry import aligned_folder, encoder_folder
from retriever.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED = {"aligned": aligned_folder, "base": encoder_folder}
"""The encoders that need no hub, and what makes their folders."""
DEFAULT = "aligned"
BASE_FILE = "isthmus.json"
"""In a model folder: {"english_queries": the encoder it was tuned from, "passages": whether it embeds passages too}."""
LIRA_FILE = "lira.safetensors"
"""In a model folder: the network that fuses queries with their translations (`retriever.models.lira`)."""
E5_PREFIXES = ("query: ", "passage: ")
CACHE_SIZE = 16384
"""Vectors kept in memory: the sentences of a passage are embedded for every question that it may answer."""
EMBED_TURN = 256
"""Texts embedded at a time: a question asked while a large document is added waits for no more than these."""
PROBE = "Isthmus 1859: Căile peste istm, इस्थमस, 地峡, البرزخ"
SAME_ENCODER = 0.99
"""Least cosine of two vectors of the probe text for encoders to count as the same (back-ends differ a little)."""
# Hub copies of e5 do not carry their prefixes in the model's own configuration.
_NAMED_E5 = re.compile(r"\be5-(?:small|base|large)(?:-v2)?$", re.IGNORECASE)


class Encoder(Embeddings):
    """An embedding model that knows its query and passage prefixes; a LangChain `Embeddings` and a `TextEncoder`.

    `model` is "aligned" (the packaged multilingual-e5-small, aligned over languages), "base" (the same before
    alignment), a sentence-transformers folder, or a hub id. Prefixes come from the argument, else from the model's own
    prompts, else from e5's convention if the name is an e5's. `backend` computes; None is the fastest here
    (`retriever.models.backends`).

    A folder made by `isthmus align` names the encoder it was tuned from. That one embeds English queries, so that
    aligning other languages costs English nothing, and passages too if only queries were aligned. Offsets in the folder
    (`retriever.models.offsets`) are subtracted from the queries of their languages.

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
        default_query, default_passage = E5_PREFIXES if _NAMED_E5.search(model) else ("", "")
        prompts = self._backend.prompts
        self.query_prefix = _first_set(query_prefix, prompts.get("query"), default_query)
        self.passage_prefix = _first_set(passage_prefix, prompts.get("document"), default_passage)
        self._base, self._passage_encoder = self._open_base(device, backend)
        self._offsets = load_offsets(Path(self.folder))
        self._lock = threading.RLock()
        self._cache: OrderedDict[tuple[Role, str], Vectors] = OrderedDict()

    def _open_base(self, device: str | None, backend: BackendName | None) -> "tuple[Encoder | None, Encoder | None]":
        """The encoder of English queries and the encoder of passages, if the model folder names them."""
        note = Path(self.folder, BASE_FILE)
        if not note.is_file():
            return None, None
        config = json.loads(note.read_text(encoding="utf-8"))
        prefixes = {"query_prefix": self.query_prefix, "passage_prefix": self.passage_prefix}
        base = Encoder(config["english_queries"], cache=self.cache, device=device, backend=backend, **prefixes)
        return base, base if config.get("passages") else None

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
        """The sentence-transformers model in float32, for training and for tools that want one (mteb)."""
        if isinstance(self._backend, TorchBackend) and self._backend.precision == "float32":
            return self._backend.model
        return load_model(self.folder, self.device)

    def encode_query(self, text: str, language: str, *, with_tokens: bool = True) -> tuple[Vectors, Vectors | None]:
        """The vector of a query in a language, (dimensions,), and those of its tokens, (tokens, width), in one pass.

        The second is None if the model makes no token vectors or they are not asked for.
        """
        if self._base and language == "en":
            return self._base.encode_query(text, language, with_tokens=with_tokens)
        tokens = None
        with self._lock:
            vector = self._cache.get(("query", text))
            if self._backend.has_tokens and (with_tokens or vector is None):
                encoded = self._backend.encode_tokens([text], "query", self.query_prefix)[0]
                raw, tokens = encoded.vector, encoded.tokens
            elif vector is None:
                raw = self._backend.encode([text], "query", self.query_prefix)[0]
            if vector is None:
                vector = self._remove_offset(raw, language)
                self._remember([("query", text)], [vector])
        return vector, tokens

    def encode_query_batch(
        self, texts: Sequence[str], languages: Sequence[str]
    ) -> list[tuple[Vectors, Vectors | None]]:
        """`encode_query` of many queries, several times as fast as one by one; nothing is kept in memory."""
        by_base = [n for n, language in enumerate(languages) if self._base and language == "en"]
        encoded: dict[int, tuple[Vectors, Vectors | None]] = {}
        if by_base and self._base:
            rows = self._base.encode_query_batch([texts[n] for n in by_base], ["en"] * len(by_base))
            encoded.update(zip(by_base, rows, strict=True))
        others = [n for n in range(len(texts)) if n not in encoded]
        for start in range(0, len(others), EMBED_TURN):
            turn = others[start : start + EMBED_TURN]
            own = [texts[n] for n in turn]
            with self._lock:
                pairs = (
                    [(row.vector, row.tokens) for row in self._backend.encode_tokens(own, "query", self.query_prefix)]
                    if self._backend.has_tokens
                    else [(row, None) for row in self._backend.encode(own, "query", self.query_prefix)]
                )
            for n, (vector, tokens) in zip(turn, pairs, strict=True):
                encoded[n] = (self._remove_offset(vector, languages[n]), tokens)
        return [encoded[n] for n in range(len(texts))]

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries, shape (len(texts), dimensions); the last few thousand are kept in memory."""
        return self._encode(texts, "query")

    def encode_passages(self, texts: Sequence[str], *, progress: bool = False) -> Vectors:
        """Unit vectors of passages, shape (len(texts), dimensions); texts longer than the model reads are cut."""
        if self._passage_encoder:
            return self._passage_encoder.encode_passages(texts, progress=progress)
        return self._encode(texts, "document", progress)

    def encode_passage_tokens(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        """`encode_passages` and, for each text, the unit vectors of its tokens, shape (tokens, width), in one pass.

        Raises IsthmusError if the model makes no token vectors.
        """
        if self._passage_encoder:
            return self._passage_encoder.encode_passage_tokens(texts)
        with self._lock:
            encoded = self._backend.encode_tokens(texts, "document", self.passage_prefix)
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, one in enumerate(encoded):
            vectors[row] = one.vector
        return vectors, [one.tokens for one in encoded]

    def encode_query_tokens(self, text: str) -> Vectors:
        """Unit vectors of a query's tokens, shape (tokens, width).

        Raises IsthmusError if the model makes no token vectors.
        """
        tokens = self.encode_query(text, detect_language(text))[1]
        if tokens is None:
            raise missing_token_vectors()
        return tokens

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of `encode_queries` for one query."""
        return [float(value) for value in self.encode_queries([text])[0]]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form of `encode_passages`."""
        return [[float(value) for value in vector] for vector in self.encode_passages(texts)]

    def _encode(self, texts: Sequence[str], role: Role, progress: bool = False) -> Vectors:
        with self._lock:
            vectors = {text: vector for text in texts if (vector := self._cache.get((role, text))) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in vectors]
        for start in tqdm(range(0, len(missing), EMBED_TURN), desc="Embedding", disable=not progress):
            turn = missing[start : start + EMBED_TURN]
            with self._lock:
                vectors.update(self._compute(turn, role))
                self._remember([(role, text) for text in turn], [vectors[text] for text in turn])
            if start + EMBED_TURN < len(missing):
                time.sleep(0.001)  # else this thread would take the lock again before a question gets it
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return np.stack([vectors[text] for text in texts])

    def _compute(self, texts: list[str], role: Role) -> Iterator[tuple[str, Vectors]]:
        if role == "document":
            yield from zip(texts, self._backend.encode(texts, role, self.passage_prefix), strict=True)
            return
        languages = {text: detect_language(text) for text in texts} if self._base or self._offsets else {}
        english = [text for text in texts if self._base and languages[text] == "en"]
        others = [text for text in texts if text not in english]
        if english and self._base:
            yield from zip(english, self._base.encode_queries(english), strict=True)
        if others:
            vectors = self._backend.encode(others, role, self.query_prefix)
            for text, vector in zip(others, vectors, strict=True):
                yield text, self._remove_offset(vector, languages.get(text, ""))

    def _remember(self, keys: Sequence[tuple[Role, str]], vectors: Sequence[Vectors]) -> None:
        self._cache.update(zip(keys, vectors, strict=True))
        while len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)

    def _remove_offset(self, vector: Vectors, language: str) -> Vectors:
        offset = self._offsets.get(language)
        return vector if offset is None else without_offset(vector, offset)


def _first_set(*prefixes: str | None) -> str:
    """The first prefix that is not None; the last one never is."""
    return next(prefix for prefix in prefixes if prefix is not None)


def encoder_probe(encoder: PassageEncoder) -> Vectors:
    """A vector that tells encoders of passages apart, (dimensions,)."""
    probe: Vectors = encoder.encode_passages([PROBE])[0]
    return probe


def same_encoder(probe: Vectors, other: Vectors) -> bool:
    """Whether two encoders' probes are alike enough for their passages to be compared."""
    return probe.shape == other.shape and float(probe @ other) >= SAME_ENCODER

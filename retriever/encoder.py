"""The embedding model: queries and passages of any language into one vector space."""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from langchain_core.embeddings import Embeddings

from retriever.errors import IsthmusError
from retriever.language import detect_language
from retriever.packaged import aligned_folder, encoder_folder

Vectors = np.ndarray[Any, np.dtype[np.float32]]

PACKAGED = {"aligned": aligned_folder, "base": encoder_folder}
DEFAULT = "aligned"
ENGLISH_FILE = "isthmus.json"
"""In a model folder: {"english_queries": an encoder}."""
E5_PREFIXES = ("query: ", "passage: ")
REMEMBERED_QUERIES = 4096
"""One question is asked for several times on its way to an answer, and again when it is asked again."""
# Hub copies of e5 do not carry their prefixes in the model's own configuration.
_NAMED_E5 = re.compile(r"\be5-(?:small|base|large)(?:-v2)?$", re.IGNORECASE)


class Encoder(Embeddings):
    """A sentence-transformers model that knows its query and passage prefixes; a LangChain `Embeddings`.

    `model` is "aligned" (the packaged multilingual-e5-small, aligned over languages), "base" (the same as it was), a
    folder, or a hub id. Prefixes come from the argument, else from the model's own prompts, else from e5's convention
    if the name is an e5's. A folder that `isthmus align` made names the encoder it came from: English queries are
    embedded by that one, so that aligning other languages costs them nothing.

    The attribute `model` is the sentence-transformers model itself. Vectors are float32 of unit length. Raises
    IsthmusError if the model cannot be loaded.
    """

    def __init__(
        self,
        model: str = DEFAULT,
        *,
        cache: Path,
        query_prefix: str | None = None,
        passage_prefix: str | None = None,
        device: str | None = None,
    ) -> None:
        from sentence_transformers import SentenceTransformer

        self.name = model
        self.cache = cache
        self.folder = str(PACKAGED[model](cache)) if model in PACKAGED else model
        try:
            self.model = SentenceTransformer(self.folder, device=device, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise IsthmusError(
                f"The encoder {model!r} could not be loaded ({error}). Name a sentence-transformers folder, a hub "
                f"id this machine can reach, or {DEFAULT!r} for the packaged one."
            ) from error
        defaults = E5_PREFIXES if _NAMED_E5.search(model) else ("", "")
        # sentence-transformers gives a model without prompts empty ones.
        own = {name: prompt for name, prompt in self.model.prompts.items() if prompt}
        self.query_prefix = _first(query_prefix, own.get("query"), defaults[0])
        self.passage_prefix = _first(passage_prefix, own.get("document", own.get("passage")), defaults[1])
        self._english = self._load_english(cache, device)
        self._lock = threading.Lock()
        self._queries: OrderedDict[str, Vectors] = OrderedDict()

    def _load_english(self, cache: Path, device: str | None) -> "Encoder | None":
        """The encoder that English queries stay with, if the model names one."""
        note = Path(self.folder, ENGLISH_FILE)
        if not note.is_file():
            return None
        name = str(json.loads(note.read_text(encoding="utf-8"))["english_queries"])
        english = Encoder(name, cache=cache, query_prefix=self.query_prefix, device=device)
        from torch import equal as same

        ours, theirs = (_words(model) for model in (self.model, english.model))
        if ours is not None and theirs is not None and same(ours, theirs):
            theirs.data = ours.data  # four fifths of the memory of a multilingual encoder, once instead of twice
        return english

    @property
    def device(self) -> str:
        """Where the model runs: "cpu", "cuda:0", …"""
        return str(self.model.device)

    @property
    def dimensions(self) -> int:
        """Length of the vectors."""
        return int(self.model.get_embedding_dimension() or 0)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries, shape (len(texts), dimensions); the last few thousand are remembered."""
        known = {text: vector for text in texts if (vector := self._queries.get(text)) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(self._embed_queries(missing))
            with self._lock:
                self._queries.update((text, known[text]) for text in missing)
                while len(self._queries) > REMEMBERED_QUERIES:
                    self._queries.popitem(last=False)
        return np.stack([known[text] for text in texts]) if texts else self._encode([], "query")

    def _embed_queries(self, texts: list[str]) -> Iterator[tuple[str, Vectors]]:
        english = {text for text in texts if self._english and detect_language(text) == "en"}
        others = [text for text in texts if text not in english]
        if english and self._english:
            yield from zip(english, self._english.encode_queries(list(english)), strict=True)
        if others:
            yield from zip(others, self._encode(others, "query"), strict=True)

    def encode_passages(self, texts: Sequence[str], *, progress: bool = False) -> Vectors:
        """Unit vectors of passages, shape (len(texts), dimensions); longer texts than the model reads are cut."""
        return self._encode(texts, "passage", progress)

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of `encode_queries` for one query."""
        return [float(value) for value in self.encode_queries([text])[0]]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form of `encode_passages`."""
        return [[float(value) for value in vector] for vector in self.encode_passages(texts)]

    def _encode(self, texts: Sequence[str], role: Literal["query", "passage"], progress: bool = False) -> Vectors:
        # A model whose query side alone was aligned routes the two roles to different weights.
        encode = self.model.encode_query if role == "query" else self.model.encode_document
        with self._lock:
            vectors = encode(
                list(texts),
                prompt=self.query_prefix if role == "query" else self.passage_prefix,
                batch_size=32,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=progress,
            )
        return np.asarray(vectors, dtype=np.float32)


def _words(model: Any) -> Any:
    """The word embeddings of a sentence-transformers model; None if it has no such thing."""
    inner = model.transformers_model
    return inner.get_input_embeddings().weight if inner is not None else None


def _first(*prefixes: str | None) -> str:
    """The first prefix that is set; the last one always is."""
    return next(prefix for prefix in prefixes if prefix is not None)

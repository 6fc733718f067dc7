"""The embedding model: queries and passages of any language into one vector space."""

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from retriever.errors import IsthmusError
from retriever.packaged import encoder_folder

Vectors = np.ndarray[Any, np.dtype[np.float32]]

PACKAGED = "base"
E5_PREFIXES = ("query: ", "passage: ")
REMEMBERED_QUERIES = 4096
"""One question is asked for several times on its way to an answer, and again when it is asked again."""
# Hub copies of e5 do not carry their prefixes in the model's own configuration.
_NAMED_E5 = re.compile(r"\be5-(?:small|base|large)(?:-v2)?$", re.IGNORECASE)


class Encoder(Embeddings):
    """A sentence-transformers model that knows its query and passage prefixes; a LangChain `Embeddings`.

    `model` is "base" (the packaged multilingual-e5-small), a folder, or a hub id. Prefixes come from the
    argument, else from the model's own prompts, else from e5's convention if the name is an e5's.
    Vectors are float32 of unit length. Raises IsthmusError if the model cannot be loaded.
    """

    def __init__(
        self,
        model: str = PACKAGED,
        *,
        cache: Path,
        query_prefix: str | None = None,
        passage_prefix: str | None = None,
        device: str | None = None,
    ) -> None:
        from sentence_transformers import SentenceTransformer

        self.name = model
        source = str(encoder_folder(cache)) if model == PACKAGED else model
        try:
            self._model = SentenceTransformer(source, device=device, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise IsthmusError(
                f"The encoder {model!r} could not be loaded ({error}). Name a sentence-transformers folder, a hub "
                f"id this machine can reach, or {PACKAGED!r} for the packaged one."
            ) from error
        defaults = E5_PREFIXES if _NAMED_E5.search(model) else ("", "")
        # sentence-transformers gives a model without prompts empty ones.
        own = {name: prompt for name, prompt in self._model.prompts.items() if prompt}
        self.query_prefix = _first(query_prefix, own.get("query"), defaults[0])
        self.passage_prefix = _first(passage_prefix, own.get("document", own.get("passage")), defaults[1])
        self._lock = threading.Lock()
        self._queries: OrderedDict[str, Vectors] = OrderedDict()

    @property
    def device(self) -> str:
        """Where the model runs: "cpu", "cuda:0", …"""
        return str(self._model.device)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries, shape (len(texts), dimensions); the last few thousand are remembered."""
        known = {text: vector for text in texts if (vector := self._queries.get(text)) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, self._encode(missing, self.query_prefix), strict=True))
            with self._lock:
                self._queries.update((text, known[text]) for text in missing)
                while len(self._queries) > REMEMBERED_QUERIES:
                    self._queries.popitem(last=False)
        return np.stack([known[text] for text in texts]) if texts else self._encode([], self.query_prefix)

    def encode_passages(self, texts: Sequence[str], *, progress: bool = False) -> Vectors:
        """Unit vectors of passages, shape (len(texts), dimensions); longer texts than the model reads are cut."""
        return self._encode(texts, self.passage_prefix, progress)

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of `encode_queries` for one query."""
        return [float(value) for value in self.encode_queries([text])[0]]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form of `encode_passages`."""
        return [[float(value) for value in vector] for vector in self.encode_passages(texts)]

    def _encode(self, texts: Sequence[str], prefix: str, progress: bool = False) -> Vectors:
        with self._lock:
            vectors = self._model.encode(
                list(texts),
                prompt=prefix,
                batch_size=32,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=progress,
            )
        return np.asarray(vectors, dtype=np.float32)


def _first(*prefixes: str | None) -> str:
    """The first prefix that is set; the last one always is."""
    return next(prefix for prefix in prefixes if prefix is not None)

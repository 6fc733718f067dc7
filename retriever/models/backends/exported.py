"""Encoders that run without torch: OpenVINO in bf16 or float32, ONNX Runtime in 8-bit integers."""

import hashlib
import itertools
import json
import logging
import os
import shutil
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from retriever.errors import IsthmusError
from retriever.models.backends.protocol import Backend, Encoded, Role, Runtime
from retriever.models.backends.pytorch import TorchBackend
from retriever.models.backends.silent_openvino import load_openvino
from retriever.models.backends.tokens import content_tokens, missing_token_vectors, with_content
from retriever.models.fetching import create_once
from retriever.models.normalization import normalize
from retriever.types import Vectors

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, np.dtype[Any]]
Network = Callable[[Array, Array], list[Vectors]]
"""Takes token ids and their attention mask, both of shape (texts, tokens). Returns the vectors of the texts, shape
(texts, dimensions), and, if the model makes token vectors, those of the tokens, shape (texts, tokens, width)."""

BATCH_SIZE = 8
"""Texts in one pass; larger passes gain nothing on a few cores."""
ROLES: tuple[Role, ...] = ("query", "document")
MIN_COSINE: dict[Runtime, float] = {"openvino": 0.99, "onnx": 0.98}
"""Least cosine of an exported network's vectors to the original model's; e5-small in 8 bits reaches .987 on a long text
and .991 on short ones."""
MANIFEST_FILE = "about.json"
FAILURE_FILE = "failure.txt"
PROBE_TEXTS = ("Isthmus", "O fâșie de pământ care leagă două uscaturi", "दो भूभागों को जोड़ने वाली सँकरी पट्टी", "地峡", "")
LONG_PROBE_TEXTS = ("Isthmus", "Isthmus 地峡 " * 160)
"""A batch with a text longer than the windows of local attention (Gemma 3 has the widest, 512 tokens)."""


class ExportError(IsthmusError):
    """A runtime cannot compute a model; `fault` says so without the remedy."""

    def __init__(self, runtime: Runtime, source: Path, reason: str) -> None:
        self.fault = f"{runtime} cannot compute the encoder {source.name} ({reason})"
        super().__init__(f"{self.fault}; set backend to auto or torch.")


@dataclass(frozen=True, slots=True)
class ExportManifest:
    """The facts about an exported model that its folder records.

    `longest` is the number of tokens that the model reads, None without a limit; `padding` is the id of the padding
    token. `roles` are the roles with a graph of their own; a role without one uses the first graph.
    """

    dimensions: int
    longest: int | None
    padding: int
    prompts: dict[str, str]
    has_tokens: bool
    roles: tuple[Role, ...]


class ExportedBackend:
    """A Backend in a folder that `exported_folder` made; tokenizer and network are loaded with the first text."""

    device = "cpu"

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self._folder = folder
        self._load_network = _NETWORK_LOADERS[runtime]
        self._manifest = ExportManifest(**json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8")))
        self.dimensions, self.prompts = self._manifest.dimensions, self._manifest.prompts
        self.has_tokens = self._manifest.has_tokens
        self._networks: dict[Role, Network] = {}
        # Networks are freed before the interpreter exits: OpenVINO sometimes crashes if it is freed during the exit.
        weakref.finalize(self, self._networks.clear)

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        tokenizer: Tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if self._manifest.longest is not None:
            tokenizer.enable_truncation(self._manifest.longest)
        return tokenizer

    def encode(self, texts: Sequence[str], role: Role, prompt: str) -> Vectors:
        """See Backend."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        tokenized = self._tokenize(texts, prompt)
        for rows, outputs in self._passes(tokenized, role):
            vectors[rows] = outputs[0]
        return vectors

    def encode_tokens(self, texts: Sequence[str], role: Role, prompt: str) -> list[Encoded]:
        """See Backend."""
        if not self.has_tokens:
            raise missing_token_vectors()
        prompt_tokens = len(self._tokenizer.encode(prompt.rstrip(), add_special_tokens=False).ids)
        tokenized = self._tokenize(texts, prompt)
        encoded: dict[int, Encoded] = {}
        for rows, outputs in self._passes(tokenized, role):
            for row, vector, tokens in zip(rows, *outputs, strict=True):
                special = tokenized[row].special_tokens_mask
                encoded[row] = Encoded(
                    vector, normalize(content_tokens(tokens[: len(special)], special, prompt_tokens))
                )
        return [encoded[row] for row in range(len(texts))]

    def _tokenize(self, texts: Sequence[str], prompt: str) -> "list[Encoding]":
        return list(self._tokenizer.encode_batch([prompt + text for text in with_content(texts, prompt)]))

    def _passes(self, tokenized: "Sequence[Encoding]", role: Role) -> Iterator[tuple[list[int], list[Vectors]]]:
        """Run the network on batches of texts of similar length; yield the row numbers and outputs of each batch."""
        graph_role = role if role in self._manifest.roles else self._manifest.roles[0]
        if graph_role not in self._networks:
            self._networks[graph_role] = self._load_network(self._folder / graph_role)
        longest_first = sorted(range(len(tokenized)), key=lambda n: -len(tokenized[n].ids))
        for start in range(0, len(tokenized), BATCH_SIZE):
            rows = longest_first[start : start + BATCH_SIZE]
            batch = _pad([tokenized[n].ids for n in rows], self._manifest.padding)
            yield rows, self._networks[graph_role](*batch)


def exported_folder(runtime: Runtime, source: Path, cache: Path) -> Path:
    """A sentence-transformers folder exported for ExportedBackend; made in the cache on first use.

    Raises ExportError if the export fails or does not compute the model's vectors; it is not tried again.
    """
    folder = _cache_folder(runtime, source, cache)
    with create_once(folder) as draft:
        if draft is not None:
            original = TorchBackend(str(source), "cpu")
            try:
                _export(original, runtime, draft)
                _compare(ExportedBackend(runtime, draft), original, MIN_COSINE[runtime])
            except (IsthmusError, OSError, MemoryError):
                raise
            except Exception as error:  # tracers, converters and runtimes raise whatever they like
                logger.debug("The export of %s to %s failed.", source, runtime, exc_info=True)
                shutil.rmtree(draft)
                draft.mkdir()
                (draft / FAILURE_FILE).write_text(_first_line(error), encoding="utf-8")
    if failure := export_failure(runtime, source, cache):
        raise ExportError(runtime, source, failure)
    return folder


def is_exported(runtime: Runtime, source: Path, cache: Path) -> bool:
    """Whether `exported_folder` has exported this model already, or tried to."""
    return _cache_folder(runtime, source, cache).is_dir()


def export_failure(runtime: Runtime, source: Path, cache: Path) -> str:
    """Why the export of this model failed; empty if it did not, or was not tried yet."""
    note = _cache_folder(runtime, source, cache) / FAILURE_FILE
    return note.read_text(encoding="utf-8") if note.is_file() else ""


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".:")


def _cache_folder(runtime: Runtime, source: Path, cache: Path) -> Path:
    return cache / f"{source.name}-{_fingerprint(source, runtime)}-{runtime}"


def _export(original: TorchBackend, runtime: Runtime, draft: Path) -> None:
    """Write the tokenizer, the graphs and the manifest into a new folder."""
    from sentence_transformers.sentence_transformer.modules import Router

    from retriever.models.backends.trace import trace

    model = original.model
    roles = ROLES if any(isinstance(module, Router) for module in model) else ROLES[:1]
    manifest = ExportManifest(
        dimensions=original.dimensions,
        longest=_longest(model.max_seq_length),
        padding=int(model.tokenizer.pad_token_id or 0),
        prompts=original.prompts,
        has_tokens=original.has_tokens,
        roles=roles,
    )
    (draft / MANIFEST_FILE).write_text(json.dumps(asdict(manifest), ensure_ascii=False), encoding="utf-8")
    model.tokenizer.backend_tokenizer.save(str(draft / "tokenizer.json"))
    for role in tqdm(roles, desc=f"Preparing the encoder for {runtime}", disable=None):
        trace(model, role, runtime, draft / role)


def _longest(tokens: int | None) -> int | None:
    """A model's limit on tokens; None if it has none, which transformers writes as a huge number."""
    return None if tokens is None or tokens > sys.maxsize else int(tokens)


def _compare(exported: Backend, original: Backend, least: float) -> None:
    """Raise ValueError if the exported network gives other vectors of the probe texts, in either role."""
    for role, texts in itertools.product(ROLES, (PROBE_TEXTS, LONG_PROBE_TEXTS)):
        prompt = original.prompts.get(role, "")
        cosines = (exported.encode(texts, role, prompt) * original.encode(texts, role, prompt)).sum(axis=1)
        if not cosines.min() >= least:
            raise ValueError(f"it gives other vectors, cosine {cosines.min():.3f}")


def _pad(tokens: Sequence[Sequence[int]], padding: int) -> tuple[Array, Array]:
    """Token ids and attention mask of a batch, both int64 of shape (texts, longest)."""
    ids = np.full((len(tokens), max(map(len, tokens))), padding, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text_ids in enumerate(tokens):
        ids[row, : len(text_ids)] = text_ids
        mask[row, : len(text_ids)] = 1
    return ids, mask


def _fingerprint(folder: Path, runtime: Runtime) -> str:
    """Eight hexadecimal digits that change with a file of the model, and with what exports and compares it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    stamps = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    versions = [version(package) for package in (_PACKAGES[runtime], "transformers")]
    about = (ExportManifest.__slots__, MIN_COSINE[runtime], versions, str(folder.resolve()), stamps)
    return hashlib.sha256(repr(about).encode()).hexdigest()[:8]


def _load_openvino_network(file: Path) -> Network:
    # OpenVINO itself chooses bf16 where the processor multiplies bf16 matrices, else float32. It does not read
    # OMP_NUM_THREADS, which says how many processors this process may keep busy (Ray sets it for its workers).
    threads = os.environ.get("OMP_NUM_THREADS", "")
    options = {"INFERENCE_NUM_THREADS": int(threads)} if threads.isdigit() else {}
    network = load_openvino().Core().compile_model(file.with_suffix(".xml"), "CPU", options)
    return lambda ids, mask: [np.array(output, dtype=np.float32) for output in network([ids, mask]).values()]


def _load_onnx_network(file: Path) -> Network:
    from onnxruntime import InferenceSession

    session = InferenceSession(file.with_suffix(".onnx"), providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in session.get_inputs()]
    return lambda ids, mask: [
        np.asarray(output) for output in session.run(None, dict(zip(names, (ids, mask), strict=True)))
    ]


_PACKAGES: dict[Runtime, str] = {"openvino": "openvino", "onnx": "onnxruntime"}
_NETWORK_LOADERS: dict[Runtime, Callable[[Path], Network]] = {
    "openvino": _load_openvino_network,
    "onnx": _load_onnx_network,
}

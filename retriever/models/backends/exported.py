"""Networks that run without torch: OpenVINO in bf16 or float32, ONNX Runtime in 8-bit integers."""

import hashlib
import json
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from retriever.errors import IsthmusError
from retriever.models.backends.protocol import Backend, Encoded, Role, Runtime
from retriever.models.backends.pytorch import TorchBackend
from retriever.models.backends.silent_openvino import load_openvino
from retriever.models.backends.tokens import content_tokens, missing_token_vectors, normalize
from retriever.models.fetching import create_once
from retriever.types import Vectors

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Array = np.ndarray[Any, np.dtype[Any]]
Run = Callable[[Array, Array], list[Vectors]]
"""From token ids and their attention mask, both of shape (texts, tokens): vectors of the texts, (texts, dimensions),
and of the tokens, (texts, tokens, width), if the model has such."""

BATCH = 8
"""Texts in one pass; larger passes gain nothing on a few cores."""
ROLES: tuple[Role, ...] = ("query", "document")
SAME = 0.99
"""Least cosine of an exported network's vectors to the model's own; of 8-bit ones it is .994."""
PROBES = ("Isthmus", "O fâșie de pământ care leagă două uscaturi", "दो भूभागों को जोड़ने वाली सँकरी पट्टी", "地峡")


@dataclass(frozen=True, slots=True)
class _About:
    """What an exported folder says of its model. `roles`: those that have a graph of their own, or just the first."""

    dimensions: int
    longest: int
    padding: int
    prompts: dict[str, str]
    has_tokens: bool
    roles: tuple[Role, ...]


class ExportedBackend:
    """A Backend in a folder that `prepare` made; tokenizer and network are read when the first text comes."""

    device = "cpu"

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self._folder = folder
        self._open = _OPEN[runtime]
        self._about = _About(**json.loads((folder / "about.json").read_text(encoding="utf-8")))
        self.dimensions, self.prompts = self._about.dimensions, self._about.prompts
        self.has_tokens = self._about.has_tokens
        self._runs: dict[Role, Run] = {}
        # Let go before the interpreter ends: OpenVINO now and then crashes the process while both are being taken down.
        weakref.finalize(self, self._runs.clear)

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        tokenizer: Tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._about.longest)
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
        return list(self._tokenizer.encode_batch([prompt + text for text in texts]))

    def _passes(self, tokenized: "Sequence[Encoding]", role: Role) -> Iterator[tuple[list[int], list[Vectors]]]:
        """The rows of each pass, texts of like length together, and what the network makes of them."""
        own = role if role in self._about.roles else self._about.roles[0]
        if own not in self._runs:
            self._runs[own] = self._open(self._folder / own)
        longest_first = sorted(range(len(tokenized)), key=lambda n: -len(tokenized[n].ids))
        for start in range(0, len(tokenized), BATCH):
            rows = longest_first[start : start + BATCH]
            yield rows, self._runs[own](*_padded([tokenized[n].ids for n in rows], self._about.padding))


def prepare(runtime: Runtime, source: Path, cache: Path) -> Path:
    """The folder for ExportedBackend of a sentence-transformers folder, made in the cache on first use.

    Raises IsthmusError if the exported network does not compute the model's vectors.
    """
    folder = cache / f"{source.name}-{_fingerprint(source)}-{runtime}"
    with create_once(folder) as draft:
        if draft is not None:
            original = TorchBackend(str(source), "cpu")
            _export(original, runtime, draft)
            cosine = _likeness(ExportedBackend(runtime, draft), original)
            if not cosine >= SAME:
                raise IsthmusError(
                    f"Exported to {runtime}, the encoder gives other vectors (cosine {cosine:.3f}); "
                    "set backend to torch."
                )
    return folder


def _export(original: TorchBackend, runtime: Runtime, draft: Path) -> None:
    """Tokenizer, graphs and about.json into a new folder."""
    from sentence_transformers.sentence_transformer.modules import Router

    from retriever.models.backends.trace import trace

    model = original.model
    roles = ROLES if any(isinstance(module, Router) for module in model) else ROLES[:1]
    about = _About(
        original.dimensions,
        int(model.max_seq_length or 512),
        int(model.tokenizer.pad_token_id or 0),
        original.prompts,
        original.has_tokens,
        roles,
    )
    (draft / "about.json").write_text(json.dumps(asdict(about), ensure_ascii=False), encoding="utf-8")
    model.tokenizer.backend_tokenizer.save(str(draft / "tokenizer.json"))
    for role in tqdm(roles, desc=f"Preparing the encoder for {runtime}", disable=None):
        trace(model, role, runtime, draft / role)


def _likeness(ours: Backend, theirs: Backend) -> float:
    """Least cosine of two back-ends' vectors of PROBES."""
    return min(
        float((ours.encode(PROBES, role, "") * theirs.encode(PROBES, role, "")).sum(axis=1).min()) for role in ROLES
    )


def _padded(tokens: Sequence[Sequence[int]], padding: int) -> tuple[Array, Array]:
    """Token ids and attention mask of a batch, int64, shape (texts, longest)."""
    ids = np.full((len(tokens), max(map(len, tokens))), padding, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, own in enumerate(tokens):
        ids[row, : len(own)] = own
        mask[row, : len(own)] = 1
    return ids, mask


def _fingerprint(folder: Path) -> str:
    """Eight characters that change when a file of the model does."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    stamps = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr((_About.__slots__, str(folder.resolve()), stamps)).encode()).hexdigest()[:8]


def _open_openvino(file: Path) -> Run:
    # bf16 where the processor multiplies bf16 matrices, else float32: OpenVINO's own choice.
    network = load_openvino().Core().compile_model(file.with_suffix(".xml"), "CPU")
    return lambda ids, mask: [np.array(output, dtype=np.float32) for output in network([ids, mask]).values()]


def _open_onnx(file: Path) -> Run:
    from onnxruntime import InferenceSession

    session = InferenceSession(file.with_suffix(".onnx"), providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in session.get_inputs()]
    return lambda ids, mask: [np.asarray(out) for out in session.run(None, dict(zip(names, (ids, mask), strict=True)))]


_OPEN: dict[Runtime, Callable[[Path], Run]] = {"openvino": _open_openvino, "onnx": _open_onnx}

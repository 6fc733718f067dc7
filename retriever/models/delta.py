"""What training changed, small enough to travel: a low-rank difference to the base weights, in safetensors.

The difference of every matrix is cut to its largest singular values and kept as two half-precision factors; that of
vectors (biases, layer norms) is kept whole. Matrices that did not change are left out.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from retriever.errors import IsthmusError

State = dict[str, Tensor]

LEFT, RIGHT, WHOLE = ":left", ":right", ":whole"


def difference(base: State, tuned: State, rank: int) -> State:
    """The factors of tuned - base. Left (rows, rank) holds the singular values, right is (rank, columns)."""
    delta: State = {}
    for name, before in base.items():
        change = (tuned[name] - before).float() if before.is_floating_point() else None
        if change is None or not change.any():
            continue
        if change.ndim != 2 or min(change.shape) <= rank:
            delta[name + WHOLE] = change.half()
            continue
        left, values, right = torch.linalg.svd(change, full_matrices=False)
        delta[name + LEFT] = (left[:, :rank] * values[:rank]).half().contiguous()
        delta[name + RIGHT] = right[:rank].half().contiguous()
    return delta


def apply(base: State, delta: State) -> State:
    """The base weights with the difference added. Raises IsthmusError if it belongs to another model."""
    tuned = dict(base)
    for name, part in delta.items():
        stem, _, kind = name.rpartition(":")
        if kind == "right":
            continue
        change = part.float() @ delta[stem + RIGHT].float() if kind == "left" else part.float()
        if stem not in base or base[stem].shape != change.shape:
            raise IsthmusError(f"The difference belongs to another model: it changes {stem} {tuple(change.shape)}.")
        tuned[stem] = (base[stem].float() + change).to(base[stem].dtype)
    return tuned


def save_delta(delta: State, path: Path, about: Mapping[str, str]) -> None:
    """Write the difference with a few words about it."""
    save_file(dict(delta), str(path), metadata=dict(about))


def load_delta(path: Path) -> State:
    """Read a difference."""
    return load_file(str(path))

"""What training changed: a low-rank difference between tuned and base weights, small enough to ship, in safetensors.

The difference of a matrix is cut to its largest singular values and stored as two half-precision factors; that of a
vector (biases, layer norms) is stored whole in half precision. Weights that did not change are left out.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from retriever.errors import IsthmusError

State = dict[str, Tensor]
"""Weights by name: a model's state dict, or the factors of a difference."""

LEFT, RIGHT, WHOLE = ":left", ":right", ":whole"
"""Suffixes of a weight's name: its two factors, or its whole difference."""


def compute_delta(base: State, tuned: State, rank: int) -> State:
    """The factors of tuned - base: left (rows, rank), which includes the singular values, and right (rank, columns).

    >>> base = {"w": torch.zeros(3, 3)}
    >>> delta = compute_delta(base, {"w": torch.ones(3, 3)}, rank=1)
    >>> {name: tuple(factor.shape) for name, factor in delta.items()}
    {'w:left': (3, 1), 'w:right': (1, 3)}
    >>> bool(torch.allclose(apply_delta(base, delta)["w"], torch.ones(3, 3), atol=1e-3))
    True
    """
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


def apply_delta(base: State, delta: State) -> State:
    """The base weights plus the difference. Raises IsthmusError if the difference belongs to another model."""
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
    """Write the difference, with `about` as the file's metadata."""
    save_file(dict(delta), str(path), metadata=dict(about))


def load_delta(path: Path) -> State:
    """Read a difference."""
    return load_file(str(path))

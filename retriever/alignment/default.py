"""The encoder that Isthmus ships: how it was made, to be made again by `isthmus align --reproduce default`."""

from pathlib import Path

from retriever.alignment.run import Plan
from retriever.alignment.train import Recipe


def default_plan(data: Path, out: Path) -> Plan:
    """Anchoring over all languages there is data for. `data` holds xquad, tatoeba and hinglish_top."""
    return Plan(
        method="distill",
        data=(data / "xquad", data / "tatoeba", data / "hinglish_top"),
        out=out,
        recipe=Recipe(steps=300, learning_rate=7e-5, check_every=100, patience=9, seed=7),
        names=True,
        delta_rank=48,
    )

"""The encoder that Isthmus ships: how it was made, to be made again by `isthmus align --reproduce default`."""

from pathlib import Path

from retriever.alignment.plan import Plan
from retriever.alignment.train import Recipe


def default_plan(data: Path, out: Path) -> Plan:
    """Late distillation over all languages there is data for. `data` holds xquad, tatoeba and hinglish_top.

    As many passes over the questions as were best in threefold cross-validation on the 16 articles that are not
    reported on. All of those are trained on: passages and English stay where they are, so there is nothing to guard.
    """
    return Plan(
        method="late",
        data=(data / "xquad", data / "tatoeba", data / "hinglish_top"),
        out=out,
        recipe=Recipe(steps=86, batch=32, learning_rate=2e-5, dropout=0.1, seed=7),
        dev_articles=0,
        delta_rank=48,
    )

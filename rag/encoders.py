"""Which encoder searches, and what looks at its finds again, as the settings name them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from rag.settings import Settings, load_settings
from retriever.encoder import Encoder
from retriever.rerank import CrossEncoderReranker, Reranker

LATE: Final = "late"
"""The setting `rerank` for which token vectors are kept."""


def open_encoder(settings: Settings) -> Encoder:
    """The encoder that the settings name."""
    return Encoder(
        settings.encoder,
        cache=settings.cache,
        query_prefix=settings.query_prefix,
        passage_prefix=settings.passage_prefix,
        device=settings.device,
        backend=None if settings.backend == "auto" else settings.backend,
    )


def open_tuned(folders: Iterable[str | Path]) -> dict[str, Encoder]:
    """Encoders that `isthmus align` made, by the names of their folders."""
    return {Path(folder).name: open_encoder(load_settings(encoder=str(folder))) for folder in folders}


def rerank_named(settings: Settings) -> Reranker | Literal["late"] | None:
    """What the setting `rerank` names; None for "off", and for the generator, which whoever has one puts in.

    Raises IsthmusError if a cross-encoder cannot be loaded.
    """
    if settings.rerank == LATE:
        return LATE
    return None if settings.rerank in ("off", "generator") else CrossEncoderReranker(settings.rerank, settings.device)

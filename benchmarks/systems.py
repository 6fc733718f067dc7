"""What several benchmarks compare: the stages of search, with the base encoder and the aligned one."""

from rag.library import open_encoder
from rag.settings import Settings
from retriever.encoder import Encoder
from retriever.evaluation import Dense, Product, System


def base_and_aligned(settings: Settings) -> tuple[Encoder, Encoder]:
    """Both packaged encoders."""
    base, aligned = (open_encoder(settings.model_copy(update={"encoder": name})) for name in ("base", "aligned"))
    return base, aligned


def stages(encoder: Encoder, name: str) -> list[System]:
    """Dense search, with BM25 beside it, and re-ranked as a library does it."""
    return [
        Dense(encoder, f"dense, {name}"),
        Product(encoder, f"hybrid, {name}", rerank=None),
        Product(encoder, f"isthmus, {name}"),
    ]

"""Re-rankers: a closer look at the nearest passages, query and passage together."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from retriever.errors import IsthmusError
from retriever.types import Passage, Query


@runtime_checkable  # pydantic checks the retriever's field
class Reranker(Protocol):
    """Scores passages for a query, each by itself; higher is better, and only differences count."""

    @property
    def depth(self) -> int:
        """How many of the nearest passages of each language are scored."""
        ...

    @property
    def needs_token_vectors(self) -> bool:
        """Whether the query must carry the vectors of its tokens."""
        ...

    def scores(self, query: Query, passages: Sequence[Passage]) -> list[float]:
        """A score for each passage."""
        ...


class CrossEncoderReranker:
    """A sentence-transformers cross-encoder, by folder or hub id. Raises IsthmusError if it cannot be loaded."""

    depth = 20
    needs_token_vectors = False

    def __init__(self, model: str, device: str | None = None) -> None:
        from sentence_transformers import CrossEncoder

        try:
            self._model: CrossEncoder = CrossEncoder(model, device=device, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise IsthmusError(
                f"The re-ranker {model!r} could not be loaded ({error}). Set rerank to late, generator or off, to the "
                "folder of a cross-encoder, or to a hub id this machine can reach."
            ) from error
        if self._model.num_labels != 1:
            raise IsthmusError(f"The re-ranker {model!r} has {self._model.num_labels} labels; it needs one, relevance.")

    def scores(self, query: Query, passages: Sequence[Passage]) -> list[float]:
        """See Reranker."""
        pairs = [(query.text, passage.embedded_text) for passage in passages]
        return [float(score) for score in self._model.predict(pairs, show_progress_bar=False)] if pairs else []

"""Late interaction: each token of a query against its nearest token of a passage, with the encoder's own vectors.

ColBERT's MaxSim (Khattab and Zaharia, arXiv 2004.12832) without ColBERT: an encoder trained to make one vector of a
text has token vectors that rank the right passage first more often than their mean does
(`python -m benchmarks.retrieval`).
"""

from collections.abc import Callable, Mapping, Sequence

from retriever.models.backends.tokens import missing_token_vectors
from retriever.types import Passage, Query, Vectors


class LateInteraction:
    """A Reranker by MaxSim; `max_similarities` gives it for a query's token vectors and passages by id."""

    depth = 30
    needs_token_vectors = True

    def __init__(self, max_similarities: Callable[[Vectors, Sequence[str]], Mapping[str, float]]) -> None:
        self._max_similarities = max_similarities

    def scores(self, query: Query, passages: Sequence[Passage]) -> list[float]:
        """See Reranker. Raises IsthmusError if the query has no token vectors."""
        if query.tokens is None:
            raise missing_token_vectors()
        scores = self._max_similarities(query.tokens, [passage.id for passage in passages])
        return [scores.get(passage.id, 0.0) for passage in passages]  # one that was removed a moment ago scores 0

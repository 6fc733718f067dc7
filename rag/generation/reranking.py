"""Passages scored by the generator: does this one hold the answer?"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from prompts import load_prompt
from rag.generation.engine import Engine, yes_odds
from retriever.types import Passage, Query

IN_FLIGHT = 10
"""Passages scored at a time."""


class GeneratorReranker:
    """A Reranker: the probability that the generator says yes, one passage at a time.

    Point-wise relevance generation (Liang et al., arXiv 2211.09110; Zhuang et al., arXiv 2310.14122). Each passage
    costs a prompt, so it is for a GPU.
    """

    depth = 10
    needs_token_vectors = False

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    def scores(self, query: Query, passages: Sequence[Passage]) -> list[float]:
        """See Reranker. Raises GeneratorError."""
        engine = self._engine()
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            return list(pool.map(lambda passage: _yes_share(engine, query.text, passage), passages))


def _yes_share(engine: Engine, question: str, passage: Passage) -> float:
    """The share of "Yes" in the probability of "Yes" and "No"."""
    messages = load_prompt("rerank", "en").messages(passage=passage.embedded_text, question=question)
    return 1 / (1 + math.exp(-yes_odds(engine, messages)))

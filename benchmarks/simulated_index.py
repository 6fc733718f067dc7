"""A library in memory as a cluster would have it: words in shards, and languages in groups."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retriever.evaluation.tasks import Pool
from retriever.models.encoder import Encoder
from retriever.search.late_interaction import LateInteraction
from retriever.search.understanding import understand
from retriever.store.token_vectors import TokenVectorStore, pool_tokens
from retriever.store.words import WordIndex
from retriever.types import Passage, Query, Vectors

OTHERS = "others"
"""What the group of all languages that have none of their own is called."""


def document(passage_id: str) -> str:
    """The article and language in the id of a passage of XQuAD.

    >>> document("Normans#4@ro")
    'Normans@ro'
    """
    passage, _, language = passage_id.rpartition("@")
    return f"{passage.rpartition('#')[0]}@{language}"


def deal(passages: Pool, shards: int, seed: int) -> list[Pool]:
    """The passages by shard: whole documents, shuffled, and dealt like cards."""
    documents = list(dict.fromkeys(map(document, passages)))
    random.Random(seed).shuffle(documents)
    places = {name: number % shards for number, name in enumerate(documents)}
    return [{id_: text for id_, text in passages.items() if places[document(id_)] == shard} for shard in range(shards)]


class Texts:
    """All passages of the libraries, with their vectors, and scores that were computed once; a Reranker."""

    depth = LateInteraction.depth
    needs_token_vectors = True

    def __init__(self, encoder: Encoder, pool: Pool) -> None:
        self.encoder = encoder
        vectors, tokens = encoder.encode_passage_tokens([text.text for text in pool.values()])
        self.vectors = dict(zip(pool, vectors, strict=True))
        store = TokenVectorStore()  # in memory; packs them, as a library does
        store.add({id_: pool_tokens(each) for id_, each in zip(pool, tokens, strict=True)})
        self._late_interaction = LateInteraction(store.max_similarities)
        self._scores: dict[str, dict[str, float]] = {}
        self._queries: dict[str, Query] = {}

    def query(self, text: str) -> Query:
        """The text as a query; its language is detected, as in the product."""
        if text not in self._queries:
            self._queries[text] = understand(text, self.encoder)
        return self._queries[text]

    def scores(self, query: Query, passages: Sequence[Passage]) -> list[float]:
        """See Reranker: late interaction's."""
        known = self._scores.setdefault(query.text, {})
        missing = [passage for passage in passages if passage.id not in known]
        scores = self._late_interaction.scores(query, missing)
        known.update(zip((passage.id for passage in missing), scores, strict=True))
        return [known[passage.id] for passage in passages]


class SimulatedIndex:
    """A PassageIndex in memory: exact vectors, words in shards that know their own passages alone, language groups.

    The nearest of all shards are the nearest of the whole, so vectors are in one piece. Each language of `apart` is a
    group, and all others are one; by default each language is.
    """

    def __init__(
        self, vectors: Mapping[str, Vectors], shards: Sequence[Pool], apart: Sequence[str] | None = None
    ) -> None:
        pool = {id_: text for shard in shards for id_, text in shard.items()}
        self._passages = {
            id_: Passage(id_, "pool", "", text.text, None, 0, len(text.text), text.language)
            for id_, text in pool.items()
        }
        self._ids = list(pool)
        self._vectors = np.stack([vectors[id_] for id_ in pool])
        languages = (text.language for text in pool.values())
        self._groups = np.array([code if apart is None or code in apart else OTHERS for code in languages])
        self._shards = [(list(shard), WordIndex.of_texts(text.text for text in shard.values())) for shard in shards]

    def nearest(self, vector: Vectors, k: int, where: Mapping[str, Any] | None = None) -> list[tuple[str, float]]:
        """See PassageIndex; `where` names a group, as the retriever does."""
        places = np.flatnonzero(self._groups == where["language"]) if where else np.arange(len(self._ids))
        cosines = self._vectors[places] @ vector
        best = np.argsort(-cosines, kind="stable")[:k]
        return [(self._ids[places[place]], float(cosines[place])) for place in best]

    def matching(self, words: str, k: int) -> list[tuple[str, float]]:
        """See PassageIndex: the k best of each shard, merged by score."""
        hits = [(ids[number], score) for ids, shard in self._shards for number, score in shard.search(words, k)]
        return sorted(hits, key=lambda hit: -hit[1])[:k]

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """See PassageIndex."""
        return {id_: self._passages[id_] for id_ in ids}

    def languages(self) -> dict[str, int]:
        """Number of passages in each group."""
        return dict(Counter(map(str, self._groups)))


class ShallowTexts:
    """A Reranker of fewer passages of each group."""

    depth = 10
    needs_token_vectors = True

    def __init__(self, texts: Texts) -> None:
        self.scores = texts.scores

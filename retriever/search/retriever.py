"""From a question in any language to passages in any language."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from retriever.languages.words import language_neutral_words
from retriever.models.protocols import TextEncoder
from retriever.search.fusion import fuse_scores
from retriever.search.rerankers import Reranker
from retriever.search.understanding import fuse_queries, understand
from retriever.store.ports import PassageIndex
from retriever.types import Hit, Month, Query, Rewrite, Timing

DEPTH = 30
"""How many passages each search returns before fusion."""
FILTERED_DEPTH = 300
"""How many passages are searched for those that are undated or begin by a date."""

MAX_SHARE_OF_DOCUMENT = Fraction(2, 3)
"""Most of the hits that one document may have while there are others."""

RUNNERS_UP = slice(3, 10)
"""The ranks (from 0) whose mean score is a language's level for a query: below the hits, above the noise."""


class CrossLingualRetriever(BaseRetriever):
    """Dense search, re-ranked, and BM25, fused by score; a LangChain retriever.

    Encoders prefer passages in the query's own language, whatever they say: in a pool of English and Arabic
    passages, stock e5-small returns the English answer to an Arabic question among its first six in 27 % of cases,
    against 95 % without the Arabic ones. So each language is searched apart, and a hit counts by how far it stands
    above the runners-up in its own language (89 %); and at most half of the hits are in the query's language while
    there are others. Nor can one document fill the hits (MAX_SHARE_OF_DOCUMENT). The score of a hit is
    `retriever.search.fusion.fuse_scores`'s.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    encoder: TextEncoder
    index: PassageIndex
    k: int = 6
    rewrites: Sequence[Rewrite] = ()
    """A query is fused with what each of them makes of it, in the language of most passages."""
    reranker: Reranker | None = None
    """If set, it scores the nearest passages of each language."""

    def understand(self, text: str, *, language: str | None = None, timing: Timing | None = None) -> Query:
        """The query of a text, with the vectors that this retriever needs; `language` is detected if not given."""
        with_tokens = self.reranker is not None and self.reranker.needs_token_vectors
        return understand(text, self.encoder, language=language, timing=timing, with_tokens=with_tokens)

    def search(self, query: Query, k: int | None = None, *, as_of: Month | None = None) -> list[Hit]:
        """The k best passages for a query, best first; fewer if the library is smaller.

        Passages that name the time the query asks for come forward. With `as_of`, only undated passages are returned,
        and those whose earliest date is by then.
        """
        k = k or self.k
        sizes = self.index.languages()
        if not sizes or not query.text.strip():
            return []
        depth = max(self.reranker.depth if self.reranker else DEPTH, k)
        versions = self._versions(query, sizes)
        cosines, lifts = self._search_dense(fuse_queries(versions), sizes, depth, as_of)
        if len(versions) > 1:  # those who check an answer compare with the query's own cosines
            cosines.update((id_, cosine) for id_, cosine in self.index.nearest(query.vector, depth) if id_ in cosines)
        matching = [self._search_words(version, sizes, depth, as_of) for version in versions]
        lexical: dict[str, float] = {}
        for matches in reversed(matching):
            lexical |= matches
        passages = self.index.passages(list(lifts | lexical))
        timing = query.timing
        timely = {id_ for id_, passage in passages.items() if timing and timing.matches(passage.times)}
        fused = fuse_scores(lifts, matching, timely)
        hits = [
            Hit(passages[id_], score, cosines.get(id_), lexical.get(id_), query.language)
            for id_, score in fused.items()
            if id_ in passages
        ]
        return _limit_query_language(_limit_documents(hits, k), k)

    def _versions(self, query: Query, sizes: dict[str, int]) -> list[Query]:
        """The query, and what the rewrites make of it, in the language of most passages."""
        target = max(sizes, key=lambda code: sizes[code])
        rewritten = [rewrite(query.text, query.language, target) for rewrite in self.rewrites]
        return [query, *(self.understand(text, language=target) for text in rewritten if text)]

    def _search_dense(
        self, query: Query, sizes: dict[str, int], depth: int, as_of: Month | None
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Cosine of the nearest passages of each language, and how far each stands above the runners-up there.

        Languages with too few passages to have runners-up are searched together, and measured against those of
        all if they are too few even so.
        """
        large = [language for language, size in sizes.items() if size >= RUNNERS_UP.stop]
        filters: list[dict[str, Any] | None] = [{"language": language} for language in large]
        if len(large) < len(sizes):
            filters.append({"language": {"$nin": large}} if large else None)
        dense: dict[str, float] = {}
        lifts: dict[str, float] = {}
        for where in filters if len(filters) > 1 else [None]:
            nearest = self.index.nearest(query.vector, depth if as_of is None else FILTERED_DEPTH, where)
            cosines = self._dated_by(as_of, nearest, depth)
            scores = peers = self._rerank(query, cosines)
            if len(scores) < RUNNERS_UP.stop:  # at most the last group, of the small languages
                peers = self._rerank(query, dict(self.index.nearest(query.vector, RUNNERS_UP.stop)))
            level = _runners_up_mean(sorted(peers.values(), reverse=True))
            dense.update(cosines)
            lifts.update({id_: score - level for id_, score in scores.items()})
        return dense, lifts

    def _search_words(self, query: Query, sizes: dict[str, int], depth: int, as_of: Month | None) -> dict[str, float]:
        """BM25's best passages.

        Unless most passages are in the query's language, by words that languages share: others would favour passages
        in the query's language.
        """
        is_common = 2 * sizes.get(query.language, 0) > sum(sizes.values())
        words = query.text if is_common else language_neutral_words(query.text)
        return self._dated_by(as_of, self.index.matching(words, depth if as_of is None else FILTERED_DEPTH), depth)

    def _dated_by(self, as_of: Month | None, scored: list[tuple[str, float]], depth: int) -> dict[str, float]:
        """The first `depth` of the passages that are undated or whose earliest date is ≤ `as_of`."""
        if as_of is None:
            return dict(scored)
        passages = self.index.passages([id_ for id_, _ in scored])
        kept = {id_ for id_, p in passages.items() if not p.times or min(p.times).start <= as_of}
        return dict([(id_, score) for id_, score in scored if id_ in kept][:depth])

    def _rerank(self, query: Query, cosines: dict[str, float]) -> dict[str, float]:
        """The scores of these passages: the re-ranker's, or their cosines if there is none."""
        if self.reranker is None:
            return cosines
        passages = list(self.index.passages(list(cosines)).values())
        scores = self.reranker.scores(query, passages)
        return {passage.id: score for passage, score in zip(passages, scores, strict=True)}

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [as_langchain_document(hit) for hit in self.search(self.understand(query))]


def _runners_up_mean(scores: list[float]) -> float:
    """Mean of the scores at ranks RUNNERS_UP of a descending list, or of its second half if it is shorter."""
    chosen = scores[RUNNERS_UP] if len(scores) >= RUNNERS_UP.stop else scores[len(scores) // 2 :]
    return sum(chosen) / len(chosen) if chosen else 0.0


def _limit_documents(hits: list[Hit], k: int) -> list[Hit]:
    """The hits, those beyond a document's share of k behind those of other documents."""
    room = math.ceil(MAX_SHARE_OF_DOCUMENT * k)
    counts: Counter[str] = Counter()
    within: list[Hit] = []
    beyond: list[Hit] = []
    for hit in hits:
        counts[hit.passage.document_id] += 1
        (within if counts[hit.passage.document_id] <= room else beyond).append(hit)
    return within + beyond


def _limit_query_language(hits: list[Hit], k: int) -> list[Hit]:
    """The first k hits, of which at most half, rounded up, are in the query's language while there are others."""
    others = sum(hit.passage.language != hit.query_language for hit in hits)
    room = max(k - others, (k + 1) // 2)
    taken = []
    for hit in hits:
        in_query_language = hit.passage.language == hit.query_language
        if not in_query_language or room > 0:
            taken.append(hit)
            room -= in_query_language
    return taken[:k]


def as_langchain_document(hit: Hit) -> Document:
    """A hit as a LangChain document: scores, position and both languages in the metadata."""
    metadata = asdict(hit.passage) | {"times": [str(period) for period in hit.passage.times]}
    metadata.update(score=hit.score, dense=hit.dense, lexical=hit.lexical, query_language=hit.query_language)
    text, id_ = metadata.pop("text"), metadata.pop("id")
    return Document(page_content=text, id=id_, metadata=metadata)

"""From a question in any language to passages in any language."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from retriever.fusion import reciprocal_rank_fusion
from retriever.index import VectorIndex
from retriever.language import detect_language
from retriever.lexical import LexicalIndex, shared_words
from retriever.rerank import Reranker
from retriever.temporal.calendar import Month
from retriever.temporal.timing import Timing
from retriever.types import Hit, Passage

DEPTH = 30
"""How deep each run goes before fusion."""
LEXICAL_WEIGHT_OWN, LEXICAL_WEIGHT_OTHER = 0.5, 0.05
"""Weight of BM25 beside dense search's 1, in a library all in the query's language and in any other
(the best of 0, .1, .25, .5, 1 for English and for the other languages of XQuAD)."""

TIME_WEIGHT = 0.02
"""Weight, beside dense search's 1, of the run of those passages that name the time asked for. Enough to part what is
otherwise alike; .1 loses four points of R@1 on XQuAD's questions with a year (`python -m benchmarks.time_mode`)."""
FILTERED_DEPTH = 300
"""How many passages are looked at for those that were true by a date."""

Rewrite = Callable[[str, str, str], str | None]
"""From a query, its language and another: a text in that one to search for too, or None if there is none."""

RUNNERS_UP = slice(3, 10)
"""The ranks (from 0) whose mean score is a language's level for a query: below the hits, above the noise."""


class PassageStore(Protocol):
    """What search needs to know of the library: `retriever.catalogue.Catalogue`, or a dictionary in tests."""

    def passages(self, ids: list[str]) -> dict[str, Passage]:
        """The passages with these ids."""
        ...

    def languages(self) -> dict[str, int]:
        """Number of passages in each language."""
        ...


class CrossLingualRetriever(BaseRetriever):
    """Dense and BM25 search fused by reciprocal rank; a LangChain retriever.

    Encoders prefer passages in the query's own language, whatever they say: in a pool of English and Arabic
    passages, stock e5-small finds the English answer to an Arabic question among its first six in 27 % of cases,
    against 95 % without the Arabic ones. So each language is searched apart, and a hit counts by how far it stands
    above the runners-up in its own language (89 %); and at most half of the hits are in the query's language while
    there are others. What counts of a hit is its cosine, or the re-ranker's score if there is one.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    encoder: Any
    vectors: VectorIndex
    lexical: LexicalIndex
    store: Any
    k: int = 6
    rewrites: Sequence[Rewrite] = ()
    """A query is searched for as each of them puts it too, in the language of most passages."""
    reranker: Reranker | None = None
    """If set, it scores the nearest passages of each language."""

    def search(
        self, query: str, k: int | None = None, *, timing: Timing | None = None, as_of: Month | None = None
    ) -> list[Hit]:
        """The k best passages for a query, best first; fewer if the library is smaller.

        With `timing`, passages that name the time asked for come forward; with `as_of`, those that tell of later
        times alone are left out.
        """
        wanted = k or self.k
        language = detect_language(query)
        sizes = self.store.languages()
        if not sizes or not query.strip():
            return []
        depth = max(self.reranker.depth if self.reranker else DEPTH, wanted)
        dense: dict[str, float] = {}
        lexical: dict[str, float] = {}
        runs: list[list[str]] = []
        weights: list[float] = []
        for text, own in self._versions(query, language, sizes):
            near, lifts = self._search_dense(text, sizes, depth, as_of)
            words = text if own in sizes else shared_words(text)
            matched = self._told_by(
                as_of, self.lexical.search(words, depth if as_of is None else FILTERED_DEPTH), depth
            )
            runs += [sorted(lifts, key=lifts.__getitem__, reverse=True), list(matched)]
            weights += [1.0, LEXICAL_WEIGHT_OWN if set(sizes) == {own} else LEXICAL_WEIGHT_OTHER]
            dense, lexical = near | dense, matched | lexical
        fused = reciprocal_rank_fusion(runs, weights)
        passages = self.store.passages(list(fused))
        if timing and (timely := [id_ for id_ in fused if id_ in passages and timing.matches(passages[id_].times)]):
            fused = reciprocal_rank_fusion([*runs, timely], [*weights, TIME_WEIGHT])
        hits = [
            Hit(passages[id_], score, dense.get(id_), lexical.get(id_), language)
            for id_, score in fused.items()
            if id_ in passages
        ]
        return _share(hits, wanted)

    def _versions(self, query: str, language: str, sizes: dict[str, int]) -> list[tuple[str, str]]:
        """The query and its language; and what the rewrites make of it, in the language of most passages."""
        target = max(sizes, key=lambda code: sizes[code])
        rewritten = [rewrite(query, language, target) for rewrite in self.rewrites]
        return [(query, language), *((text, target) for text in rewritten if text)]

    def _search_dense(
        self, text: str, sizes: dict[str, int], depth: int, as_of: Month | None
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Cosine of the nearest passages of each language, and how far each stands above the runners-up there.

        Languages with too few passages to have runners-up are searched together, and measured against those of
        all if they are too few even so.
        """
        vector = self.encoder.encode_queries([text])[0]
        large = [language for language, size in sizes.items() if size >= RUNNERS_UP.stop]
        filters: list[dict[str, Any] | None] = [{"language": language} for language in large]
        if len(large) < len(sizes):
            filters.append({"language": {"$nin": large}} if large else None)
        dense: dict[str, float] = {}
        lifts: dict[str, float] = {}
        for where in filters if len(filters) > 1 else [None]:
            nearest = self.vectors.search(vector, depth if as_of is None else FILTERED_DEPTH, where)
            found = self._told_by(as_of, nearest, depth)
            scores = peers = self._rescored(text, found)
            if len(scores) < RUNNERS_UP.stop:  # at most the last group, of the small languages
                peers = self._rescored(text, dict(self.vectors.search(vector, RUNNERS_UP.stop)))
            level = _runners_up(sorted(peers.values(), reverse=True))
            dense.update(found)
            lifts.update({id_: score - level for id_, score in scores.items()})
        return dense, lifts

    def _told_by(self, as_of: Month | None, found: list[tuple[str, float]], depth: int) -> dict[str, float]:
        """The first `depth` of these that name no time, or one that had begun by `as_of`."""
        if as_of is None:
            return dict(found)
        known = self.store.passages([id_ for id_, _ in found])
        told = {id_ for id_, p in known.items() if not p.times or min(p.times).start <= as_of}
        return dict([(id_, score) for id_, score in found if id_ in told][:depth])

    def _rescored(self, text: str, found: dict[str, float]) -> dict[str, float]:
        """What counts of these hits: the re-ranker's scores, or their cosines if there is none."""
        if self.reranker is None:
            return found
        passages = list(self.store.passages(list(found)).values())
        return {
            passage.id: score for passage, score in zip(passages, self.reranker.scores(text, passages), strict=True)
        }

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [as_document(hit) for hit in self.search(query)]


def _runners_up(scores: list[float]) -> float:
    """Mean of the scores at ranks RUNNERS_UP of a descending list, or of its second half if it is shorter."""
    chosen = scores[RUNNERS_UP] if len(scores) >= RUNNERS_UP.stop else scores[len(scores) // 2 :]
    return sum(chosen) / len(chosen) if chosen else 0.0


def _share(hits: list[Hit], k: int) -> list[Hit]:
    """The first k hits, of which at most half, rounded up, are in the query's language while there are others."""
    others = sum(hit.passage.language != hit.query_language for hit in hits)
    room = max(k - others, (k + 1) // 2)
    taken = []
    for hit in hits:
        own = hit.passage.language == hit.query_language
        if not own or room > 0:
            taken.append(hit)
            room -= own
    return taken[:k]


def as_document(hit: Hit) -> Document:
    """A hit as a LangChain document: scores, position and both languages in the metadata."""
    metadata = asdict(hit.passage) | {"times": [str(period) for period in hit.passage.times]}
    metadata.update(score=hit.score, dense=hit.dense, lexical=hit.lexical, query_language=hit.query_language)
    text, id_ = metadata.pop("text"), metadata.pop("id")
    return Document(page_content=text, id=id_, metadata=metadata)

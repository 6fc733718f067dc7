"""From a question in any language to passages in any language."""

from dataclasses import asdict
from typing import Any, Protocol

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from retriever.encoder import Encoder
from retriever.fusion import interleave, reciprocal_rank_fusion
from retriever.index import VectorIndex
from retriever.language import detect_language
from retriever.lexical import LexicalIndex, shared_words
from retriever.types import Hit, Passage

DEPTH = 30
"""How deep each run goes before fusion."""
LEXICAL_WEIGHT_OWN, LEXICAL_WEIGHT_OTHER = 0.5, 0.1
"""Weight of BM25 beside dense search's 1, where the library holds the query's language and where it does not
(the best of 0, .1, .25, .5, 1 for English and for the other languages of XQuAD)."""


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

    Encoders prefer passages in the query's own language. Where the library has such passages beside others,
    the two groups are searched apart and taken in turn, so a passage that is r-th among the other languages
    is at least 2r-th in the dense run, however many documents in the query's language are added.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    encoder: Encoder
    vectors: VectorIndex
    lexical: LexicalIndex
    store: Any
    k: int = 6

    def search(self, query: str, k: int | None = None) -> list[Hit]:
        """The k best passages for a query, best first; fewer if the library is smaller."""
        wanted = k or self.k
        language = detect_language(query)
        depth = max(DEPTH, wanted)
        languages = self.store.languages()
        if not languages or not query.strip():
            return []
        vector = self.encoder.encode_queries([query])[0]
        own = language in languages
        if own and len(languages) > 1:
            filters: list[dict[str, Any] | None] = [{"language": language}, {"language": {"$ne": language}}]
        else:
            filters = [None]
        dense_runs = [self.vectors.search(vector, depth, where) for where in filters]
        dense_runs.sort(key=lambda run: -run[0][1] if run else 0.0)
        dense = {id_: score for run in dense_runs for id_, score in run}
        lexical = dict(self.lexical.search(query if own else shared_words(query), depth))
        fused = reciprocal_rank_fusion(
            [interleave([[id_ for id_, _ in run] for run in dense_runs]), list(lexical)],
            [1.0, LEXICAL_WEIGHT_OWN if own else LEXICAL_WEIGHT_OTHER],
        )
        passages = self.store.passages(list(fused))
        hits = [
            Hit(passages[id_], score, dense.get(id_), lexical.get(id_), language)
            for id_, score in fused.items()
            if id_ in passages
        ]
        return hits[:wanted]

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [as_document(hit) for hit in self.search(query)]


def as_document(hit: Hit) -> Document:
    """A hit as a LangChain document: scores, position and both languages in the metadata."""
    metadata = asdict(hit.passage)
    metadata.update(score=hit.score, dense=hit.dense, lexical=hit.lexical, query_language=hit.query_language)
    text, id_ = metadata.pop("text"), metadata.pop("id")
    return Document(page_content=text, id=id_, metadata=metadata)

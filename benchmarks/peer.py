"""The peers: what LangChain's tutorials build, over the same base model.

The recipe is HuggingFaceEmbeddings and Chroma with their defaults, so without the prefixes that e5 expects, or with
them; the ensemble adds BM25Retriever by EnsembleRetriever, at equal weights. `pip install --no-deps` puts the packages
beside ours, which forbid what these ask for: langchain-huggingface==1.2.3, and for the ensemble
langchain-classic==1.0.8, langchain-community==0.4.2, langchain-text-splitters==1.1.3 and rank-bm25==0.2.2.
"""

from typing import TYPE_CHECKING

from retriever.evaluation import Task
from retriever.evaluation.metrics import Run
from retriever.models.encoder import E5_PREFIXES

if TYPE_CHECKING:
    from langchain_chroma import Chroma
    from langchain_core.retrievers import BaseRetriever

HITS = 10


class LangChainRecipe:
    """Dense search as a System."""

    def __init__(self, model: str, *, with_prefixes: bool = False) -> None:
        from langchain_huggingface import HuggingFaceEmbeddings

        self.name = "langchain recipe, prefixes" if with_prefixes else "langchain recipe"
        query, passage = ({"prompt": prefix} if with_prefixes else {} for prefix in E5_PREFIXES)
        self.embeddings = HuggingFaceEmbeddings(model_name=model, encode_kwargs=passage, query_encode_kwargs=query)
        self._stores: dict[str, Chroma] = {}

    def rank(self, task: Task) -> Run:
        """See System."""
        store = self.store(task)
        run: Run = {}
        for id_, query in task.queries.items():
            hits = store.similarity_search_with_score(query.text, k=HITS)
            run[id_] = {str(hit.id): -float(distance) for hit, distance in hits}
        return run

    def store(self, task: Task) -> "Chroma":
        """The task's pool in Chroma; made once."""
        from langchain_chroma import Chroma

        if task.pool not in self._stores:
            store = Chroma(f"{self.name.replace(', ', '-').replace(' ', '-')}-{len(self._stores)}", self.embeddings)
            store.add_texts([passage.text for passage in task.passages.values()], ids=list(task.passages))
            self._stores[task.pool] = store
        return self._stores[task.pool]


class LangChainEnsemble:
    """The recipe with prefixes and BM25, fused by reciprocal rank, as a System; it shares the recipe's vectors."""

    name = "langchain ensemble, prefixes"

    def __init__(self, recipe: LangChainRecipe) -> None:
        self._recipe = recipe
        self._retrievers: dict[str, BaseRetriever] = {}

    def rank(self, task: Task) -> Run:
        """See System."""
        if task.pool not in self._retrievers:
            self._retrievers[task.pool] = self._ensemble(task)
        retriever = self._retrievers[task.pool]
        run: Run = {}
        for id_, query in task.queries.items():
            hits = retriever.invoke(query.text)[:HITS]
            run[id_] = {str(hit.id): 1 / rank for rank, hit in enumerate(hits, start=1)}
        return run

    def _ensemble(self, task: Task) -> "BaseRetriever":
        from langchain_classic.retrievers import EnsembleRetriever
        from langchain_community.retrievers import BM25Retriever

        words = BM25Retriever.from_texts(
            [passage.text for passage in task.passages.values()], ids=list(task.passages), k=HITS
        )
        dense = self._recipe.store(task).as_retriever(search_kwargs={"k": HITS})
        ensemble: BaseRetriever = EnsembleRetriever(retrievers=[words, dense], weights=[0.5, 0.5])
        return ensemble

"""The peer: the plain LangChain recipe, HuggingFaceEmbeddings and Chroma with their defaults (so no prefixes).

That package still forbids huggingface-hub 2: `pip install --no-deps langchain-huggingface==1.2.3` puts it beside ours.
"""

from typing import TYPE_CHECKING

from retriever.evaluation import Task
from retriever.evaluation.metrics import Run

if TYPE_CHECKING:
    from langchain_chroma import Chroma


class LangChainRecipe:
    """What LangChain's tutorials do, as a System."""

    name = "langchain recipe"

    def __init__(self, model: str) -> None:
        from langchain_huggingface import HuggingFaceEmbeddings

        self.embeddings = HuggingFaceEmbeddings(model_name=model)
        self._stores: dict[str, Chroma] = {}

    def rank(self, task: Task) -> Run:
        """See System."""
        store = self._stores.get(task.pool) or self._index(task)
        run: Run = {}
        for id_, query in task.queries.items():
            hits = store.similarity_search_with_score(query.text, k=10)
            run[id_] = {str(hit.id): -float(distance) for hit, distance in hits}
        return run

    def _index(self, task: Task) -> "Chroma":
        from langchain_chroma import Chroma

        store = Chroma(f"pool-{len(self._stores)}", self.embeddings)
        store.add_texts([passage.text for passage in task.passages.values()], ids=list(task.passages))
        self._stores[task.pool] = store
        return store

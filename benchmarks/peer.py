"""The peer: the plain LangChain recipe, HuggingFaceEmbeddings and Chroma with their defaults (so no prefixes).

That package still forbids huggingface-hub 2: `pip install --no-deps langchain-huggingface==1.2.3` puts it beside ours.
"""

from retriever.evaluation import Task
from retriever.evaluation.metrics import Run


class LangChainRecipe:
    """What LangChain's tutorials do, as a System."""

    name = "langchain recipe"

    def __init__(self, model: str) -> None:
        from langchain_chroma import Chroma
        from langchain_huggingface import HuggingFaceEmbeddings

        self.embeddings = HuggingFaceEmbeddings(model_name=model)
        self._store_class = Chroma
        self._stores: dict[str, Chroma] = {}

    def rank(self, task: Task) -> Run:
        """See System."""
        if task.pool not in self._stores:
            store = self._store_class(f"pool-{len(self._stores)}", self.embeddings)
            store.add_texts([p.text for p in task.passages.values()], ids=list(task.passages))
            self._stores[task.pool] = store
        found = {}
        for id_, query in task.queries.items():
            hits = self._stores[task.pool].similarity_search_with_score(query.text, k=10)
            found[id_] = {str(hit.id): -float(distance) for hit, distance in hits}
        return found

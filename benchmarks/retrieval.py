"""Question in eight languages, English passages: Isthmus, its parts, and the plain LangChain recipe, in one run.

`python -m benchmarks.retrieval`

XQuAD, all 24 articles, pool of 120 English passages. The articles that the aligned encoder was trained on are told
apart: the table is of the 8 held-out ones alone, the JSON has both. The peer is what LangChain's tutorials do:
HuggingFaceEmbeddings over the same base model in an in-memory Chroma, all defaults (so no prefixes). That package
still forbids huggingface-hub 2: `pip install --no-deps langchain-huggingface==1.2.3` puts it beside ours.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.report import DATA, publish
from rag.library import open_encoder
from rag.settings import load_settings
from retriever.alignment.data import split_articles
from retriever.alignment.default import default_plan
from retriever.datasets import read_squad
from retriever.encoder import Encoder
from retriever.evaluation import Dense, Evaluation, Lexical, Product, Task
from retriever.evaluation.metrics import Run
from retriever.evaluation.tasks import squad_tasks


class LangChainRecipe:
    """HuggingFaceEmbeddings and Chroma with their defaults."""

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


def speed(encoder: Encoder, peer: LangChainRecipe, texts: list[str]) -> dict[str, float]:
    """Passages a second of both, and milliseconds for one query, alternating, medians of three."""
    found: dict[str, list[float]] = {}
    for attempt in range(3):
        for name, embed in (
            ("isthmus", encoder.encode_passages),
            ("langchain recipe", peer.embeddings.embed_documents),
        ):
            began = time.perf_counter()
            embed(texts)
            found.setdefault(f"passages/s, {name}", []).append(len(texts) / (time.perf_counter() - began))
        for n in range(10):
            began = time.perf_counter()
            encoder.encode_queries([f"Când a fost fondată universitatea {attempt} {n}?"])
            found.setdefault("one query, ms", []).append(1000 * (time.perf_counter() - began))
    return {name: float(np.median(values)) for name, values in found.items()}


def main() -> None:
    """Measure and publish."""
    if not (DATA / "xquad").is_dir():
        sys.exit(f"XQuAD is not at {DATA / 'xquad'}; set ISTHMUS_DATA.")
    settings = load_settings()
    base, aligned = (open_encoder(settings.model_copy(update={"encoder": name})) for name in ("base", "aligned"))
    squad = read_squad(DATA / "xquad")
    plan = default_plan(DATA, Path())
    split = split_articles(squad, test=plan.test_articles, dev=plan.dev_articles, seed=plan.recipe.seed)
    peer = LangChainRecipe(base.folder)
    systems = [
        peer,
        Lexical(),
        Dense(base, "dense, base"),
        Product(base, "isthmus, base"),
        Dense(aligned, "dense, aligned"),
        Product(aligned, "isthmus, aligned"),
    ]
    held_out = Evaluation(systems, squad_tasks(split.test, ("L-en",)))
    whole = Evaluation(systems, squad_tasks(squad, ("L-en",)))
    columns, rows = held_out.table("L-en")
    figures = speed(aligned, peer, list(squad.passages["en"].values()))
    record = {
        "data": "XQuAD, 24 articles, 8 of them held out",
        "held_out": {"articles": split.test.articles, **held_out.as_dict()},
        "all": whole.as_dict(),
    }
    publish("retrieval", columns, rows, record)
    publish("encoder-speed", ["measure", "median of 3"], [list(row) for row in figures.items()], {"data": "XQuAD"})


if __name__ == "__main__":
    main()

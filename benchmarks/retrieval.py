"""Question in eight languages, English passages: Isthmus, its parts, and the plain LangChain recipe, in one run.

`python -m benchmarks.retrieval`

XQuAD, all 24 articles, pool of 120 English passages. The articles that the aligned encoder was trained on are told
apart: the table is of the 8 held-out ones alone, the JSON has both. The peer (benchmarks/peer.py) has the same base
model.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import sys
from pathlib import Path

from benchmarks.peer import LangChainRecipe
from benchmarks.report import DATA, publish
from rag.library import open_encoder
from rag.settings import load_settings
from retriever.alignment.data import split_articles
from retriever.alignment.default import default_plan
from retriever.datasets import read_squad
from retriever.evaluation import Dense, Evaluation, Lexical, Product
from retriever.evaluation.tasks import squad_tasks


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
    record = {
        "data": "XQuAD, 24 articles, 8 of them held out",
        "held_out": {"articles": split.test.articles, **held_out.as_dict()},
        "all": whole.as_dict(),
    }
    publish("retrieval", columns, rows, record)


if __name__ == "__main__":
    main()

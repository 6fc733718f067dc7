"""Question in eight languages, English passages: Isthmus, its parts, and the plain LangChain recipe, in one run.

`python -m benchmarks.retrieval`

XQuAD, all 24 articles, pool of 120 English passages. The articles that the aligned encoder was trained on are told
apart: the table is of the 8 held-out ones alone, the JSON has both. "hybrid" is dense search and BM25, "isthmus"
re-ranks that by the encoder's token vectors: untrained in the lines of the base. "less offsets": the mean difference of
a language's questions from the English ones, told by the other articles, is taken off the query. The peer
(benchmarks/peer.py) has the same base model.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.peer import LangChainRecipe
from benchmarks.report import DATA, publish
from benchmarks.stages import base_and_aligned, default_split, median_milliseconds, stages
from rag.settings import load_settings
from retriever.alignment.data import parallel_texts
from retriever.alignment.run import language_offsets
from retriever.data.squad import ParallelSquad, read_squad
from retriever.evaluation import BM25Search, DenseSearch, Evaluation, HybridSearch, System
from retriever.evaluation.tasks import squad_tasks
from retriever.models.encoder import Encoder
from retriever.models.offsets import save_offsets


def with_offsets(base: Encoder, known: ParallelSquad, folder: Path) -> Encoder:
    """The encoder with the languages' offsets from questions of other articles, as `align --method offset` saves it."""
    shutil.copytree(base.folder, folder)
    save_offsets(language_offsets(parallel_texts(known), base)[0], folder)
    return Encoder(str(folder), cache=base.cache, query_prefix=base.query_prefix, passage_prefix=base.passage_prefix)


def main() -> None:
    """Measure and publish."""
    if not (DATA / "xquad").is_dir():
        sys.exit(f"XQuAD is not at {DATA / 'xquad'}; set ISTHMUS_DATA.")
    settings = load_settings()
    base, aligned = base_and_aligned(settings)
    squad = read_squad(DATA / "xquad")
    split = default_split(squad)
    peer = LangChainRecipe(base.folder)
    systems: list[System] = [
        peer,
        BM25Search(),
        *stages(base, "base"),
        *stages(aligned, "aligned"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        less = with_offsets(base, split.train, Path(folder, "offsets"))
        offsets: list[System] = [
            DenseSearch(less, "dense, base less offsets"),
            HybridSearch(less, "isthmus, base less offsets"),
        ]
        held_out = Evaluation([*systems, *offsets], squad_tasks(split.test, ("L-en",)))
    whole = Evaluation(systems, squad_tasks(squad, ("L-en",)))
    columns, rows = held_out.table("L-en")
    rows = [[*row, median_milliseconds(system)] for row, system in zip(rows, [*systems, *offsets], strict=True)]
    against_dense = {
        system.name: asdict(whole.compare(system.name, "dense, base", "L-en"))
        for system in systems
        if system.name != "dense, base"
    }
    record = {
        "all_against_dense_base": against_dense,
        "data": "XQuAD, 24 articles, 8 of them held out",
        "held_out": {"articles": split.test.articles, **held_out.as_dict()},
        "all": whole.as_dict(),
    }
    publish("retrieval", [*columns, "ms a query"], rows, record)


if __name__ == "__main__":
    main()

"""Question in eight languages, English passages: Isthmus, its parts, and the plain LangChain recipe, in one run.

`python -m benchmarks.retrieval`

XQuAD, pool of 120 English passages. The table is of the 8 articles that the aligned encoder was not trained on; the
JSON has means of all 24 articles too. "hybrid" is dense search and BM25, "isthmus" re-ranks that by the encoder's token
vectors. "less offsets": the mean difference of a language's questions from the English ones, measured on the other
articles, is subtracted from the query. The peers (benchmarks/peer.py) have the same base model: the plain recipe, which
gives it no prefixes, the same with prefixes, and that with BM25 beside it.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.peer import LangChainEnsemble, LangChainRecipe
from benchmarks.report import data_folder, parse_no_arguments, publish
from benchmarks.stages import base_and_aligned, default_split, median_milliseconds, stages
from rag.settings import load_settings
from retriever.alignment.data import parallel_texts
from retriever.alignment.methods.offset import language_offsets
from retriever.data.squad import ParallelSquad, read_squad
from retriever.evaluation import BM25Search, DenseSearch, Evaluation, HybridSearch, System
from retriever.evaluation.metrics import fairness
from retriever.evaluation.tasks import squad_tasks
from retriever.models.encoder import Encoder
from retriever.models.offsets import save_offsets

CAPTION = (
    "R@1 of a question in each language against XQuAD's 120 English passages, on 8 articles that the aligned encoder "
    "was not trained on; paired with the plain LangChain recipe, which gives its encoder no prefixes. “hybrid” is "
    "dense search and BM25, “isthmus” re-ranks it by the encoder's token vectors: the default"
)
BASE = "dense, base"


def with_offsets(base: Encoder, training: ParallelSquad, folder: Path) -> Encoder:
    """The encoder with the languages' offsets from questions of other articles, as `align --method offset` saves it."""
    shutil.copytree(base.folder, folder)
    save_offsets(language_offsets(parallel_texts(training), base)[0], folder)
    return Encoder(str(folder), cache=base.cache, query_prefix=base.query_prefix, passage_prefix=base.passage_prefix)


def summaries(evaluation: Evaluation) -> dict[str, list[dict[str, object]]]:
    """Mean and worst language of each system, and its difference from dense search by the base encoder."""
    means: list[dict[str, object]] = []
    for system in evaluation.systems:
        fair = fairness(evaluation.by_language(system, "L-en"))
        means.append({
            "system": system, "mean": fair.mean, "worst": fair.worst, "worst_language": fair.worst_language
        })  # fmt: skip
    differences: list[dict[str, object]] = [
        {"system": system, **asdict(evaluation.compare(system, BASE, "L-en"))}
        for system in evaluation.systems
        if system != BASE
    ]
    return {"all_articles": means, "all_articles_against_dense_base": differences}


def main() -> None:
    """Measure and publish."""
    parse_no_arguments(__doc__)
    squad = read_squad(data_folder("xquad"))
    base, aligned = base_and_aligned(load_settings())
    split = default_split(squad)
    with_prefixes = LangChainRecipe(base.folder, with_prefixes=True)
    systems: list[System] = [
        LangChainRecipe(base.folder),
        with_prefixes,
        LangChainEnsemble(with_prefixes),
        BM25Search(),
        *stages(base, "base"),
        *stages(aligned, "aligned"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        less_offsets = with_offsets(base, split.train, Path(folder, "offsets"))
        offset_systems: list[System] = [
            DenseSearch(less_offsets, "dense, base less offsets"),
            HybridSearch(less_offsets, "isthmus, base less offsets"),
        ]
        held_out = Evaluation([*systems, *offset_systems], squad_tasks(split.test, ("L-en",)))
    all_articles = Evaluation(systems, squad_tasks(squad, ("L-en",)))
    columns, rows = held_out.table("L-en")
    publish(
        "retrieval",
        CAPTION,
        [*columns, "ms a query"],
        [[*row, median_milliseconds(system)] for row, system in zip(rows, [*systems, *offset_systems], strict=True)],
        data="XQuAD, 24 articles, 8 of them held out",
        encoders=[base, aligned],
        details={"held_out_articles": split.test.articles, **summaries(all_articles)},
    )


if __name__ == "__main__":
    main()

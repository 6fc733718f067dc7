"""LiRA: does fusing a query with a translation find more, for which languages, and from which quality on?

Trained on Tatoeba, XQuAD's training articles and three of AfriQA's languages; reported on what that leaves out:
AfriQA's training files (Yoruba and Zulu are in no training), SIB-200's sentences, and XQuAD's held-out articles.
Translations are the human ones with each word spoilt at a probability, and a word-by-word gloss, so that the table is
the curve of gain against quality; and, of fewer questions, the generator's at hand. The human translation itself is
never one. The second table leaves out parts of the method, one at a time.

    python -m benchmarks.lira
"""

import argparse
import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, from_numpy
from torch.nn import functional

from benchmarks.fusion import RANK_CONSTANT
from benchmarks.lira_data import reported_queries, training_queries
from benchmarks.report import data_folder, publish
from rag.build import build_encoder, build_engine
from rag.generation.rewriting import QueryRewriter
from rag.settings import load_settings
from retriever.alignment.methods.lira.candidates import NOISE
from retriever.alignment.methods.lira.losses import Weights
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import LiraQuery, LiraRows, embed_rows, noised_candidates
from retriever.alignment.methods.lira.train import fuse_rows, language_mean, language_rows, train_lira
from retriever.alignment.recipe import Recipe
from retriever.evaluation.metrics import compare
from retriever.models.lira import LiraNetwork

DATA_SEED = 1
CANDIDATES = (*(f"human, {share:.0%} of words spoilt" for share in NOISE), "gloss")
BASELINES = ("query alone", "translation alone", "both by RRF", "mean of both")
VARIANTS = {
    "as it is": Lira(),
    "no queue": Lira(queue=0),
    "queue of 4096": Lira(queue=4096),
    "no first stage": Lira(arca_share=0),
    "no contrastive term": Lira(weights=Weights(contrast=0)),
    "a tenth of the penalty": Lira(weights=Weights(penalty=1)),
}
SECONDS = 60.0
Values = NDArray[np.float64]


def main() -> None:
    """Embed once, train each variant with each seed, and publish the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--translated", type=int, default=12, help="questions a language for the generator")
    arguments = parser.parse_args()
    data = data_folder("afriqa").parent
    encoder = build_encoder(load_settings())
    train, development = (
        embed_rows(queries, noised_candidates(queries, DATA_SEED), encoder)
        for queries in training_queries(data, DATA_SEED)
    )
    reported = {}
    for name, (queries, documents) in reported_queries(data, DATA_SEED).items():
        rows = embed_rows(queries, noised_candidates(queries, DATA_SEED), encoder)
        reported[name] = (queries, rows, from_numpy(encoder.encode_passages(documents)))
    seeds = range(1, arguments.seeds + 1)
    recipe = Recipe(steps=arguments.steps, learning_rate=1e-3, check_every=100, patience=100)
    networks = [trained(Lira(), train, development, replace(recipe, seed=seed)) for seed in seeds]
    table = []
    for name, (queries, rows, pool) in reported.items():
        table += [[name, label, *compared(queries, rows, pool, networks, n)] for n, label in enumerate(CANDIDATES)]
    with contextlib.closing(build_engine(load_settings())) as engine, tempfile.TemporaryDirectory() as cache:
        translate = QueryRewriter(lambda: engine, Path(cache), "translate", seconds=SECONDS)
        for name in ("AfriQA", "XQuAD"):
            queries, rows, pool = reported[name]
            chosen = [n for numbers in language_rows(rows).values() for n in numbers[: arguments.translated]]
            texts = {n: translate(queries[n].text, queries[n].language, "en") for n in chosen}
            usable = [n for n, text in texts.items() if text]
            subset = [queries[n] for n in usable]
            rows = embed_rows(subset, [[str(texts[n])] for n in usable], encoder)
            label = f"{engine.label}, {len(usable)} of {len(chosen)} usable"
            table.append([name, label, *compared(subset, rows, pool, networks, 0)])
    columns = ["data", "translation", "queries", *BASELINES, "LiRA", "best other", "difference", "low", "high", "p"]
    publish("lira", "nDCG@10", columns, table, data="AfriQA, SIB-200, XQuAD", seeds=seeds, encoders=[encoder])
    ablation = []
    for name, method in VARIANTS.items():
        network = trained(method, train, development, recipe)
        means = [
            language_mean(ndcg(fuse_rows(network, rows, place) @ pool.T, nearest_of(rows, pool)), rows)
            for _, rows, pool in (reported["AfriQA"], reported["XQuAD"])
            for place in range(len(CANDIDATES))
        ]
        ablation.append([name, *means])
    columns = ["variant", *(f"{name}, {label}" for name in ("AfriQA", "XQuAD") for label in CANDIDATES)]
    publish("lira-ablation", "nDCG@10", columns, ablation, data="AfriQA, XQuAD", seeds=[1], encoders=[encoder])


def trained(method: Lira, train: LiraRows, development: LiraRows, recipe: Recipe) -> LiraNetwork:
    """A network of the method, its weights selected on the development rows."""
    with tempfile.TemporaryDirectory() as folder:
        return train_lira(method, train, recipe, Path(folder), development)


def compared(
    queries: Sequence[LiraQuery], rows: LiraRows, pool: Tensor, networks: Sequence[LiraNetwork], place: int
) -> list[object]:
    """The cells of a table's row: each system's mean over languages, and LiRA against the best other by question."""
    right = nearest_of(rows, pool)
    systems = {system: ndcg(scores, right) for system, scores in baseline_scores(rows, pool, place).items()}
    fused = [ndcg(fuse_rows(network, rows, place) @ pool.T, right) for network in networks]
    systems["LiRA"] = np.mean(fused, axis=0)
    means = {system: language_mean(values, rows) for system, values in systems.items()}
    best = max(BASELINES, key=means.__getitem__)
    difference = compare(by_question(systems["LiRA"], queries), by_question(systems[best], queries))
    return [
        *(len(rows), *means.values(), best),
        *(difference.difference, difference.low, difference.high, difference.p),
    ]


def nearest_of(rows: LiraRows, pool: Tensor) -> Tensor:
    """The number of each row's right document in the pool, (N,)."""
    return (rows.documents @ pool.T).argmax(dim=1)


def baseline_scores(rows: LiraRows, pool: Tensor, place: int) -> dict[str, Tensor]:
    """Scores (N, documents) of what costs as much as LiRA, with the translation number `place`."""
    own = rows.own.vectors.float() @ pool.T
    english = rows.candidates.vectors[:, place].float() @ pool.T
    both = functional.normalize(rows.own.vectors.float() + rows.candidates.vectors[:, place].float(), dim=1)
    fused = 1 / (RANK_CONSTANT + ranks_of(own)) + 1 / (RANK_CONSTANT + ranks_of(english))
    return dict(zip(BASELINES, (own, english, fused, both @ pool.T), strict=True))


def ranks_of(scores: Tensor) -> Tensor:
    """The rank of each document for each query, from 1."""
    return scores.argsort(dim=1, descending=True).argsort(dim=1) + 1


def ndcg(scores: Tensor, right: Tensor) -> Values:
    """nDCG@10 of each query, with one right document each."""
    rank = 1 + (scores > scores.gather(1, right[:, None])).sum(dim=1)
    return torch.where(rank <= 10, 1 / torch.log2(1 + rank), 0.0).double().numpy()


def by_question(values: Values, queries: Sequence[LiraQuery]) -> list[float]:
    """The mean of each question over its languages: its translations are not independent."""
    groups: dict[str, list[float]] = {}
    for value, query in zip(values, queries, strict=True):
        groups.setdefault(query.english, []).append(float(value))
    return [float(np.mean(group)) for group in groups.values()]


if __name__ == "__main__":
    main()

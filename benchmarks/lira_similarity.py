"""LiRA on similarity: STS 2017, Arabic against English, with CorrQueue in training and without."""

import contextlib
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch.nn import functional
from tqdm import tqdm

from benchmarks.answer_data import LANGUAGES
from benchmarks.lira_curve import SECONDS
from benchmarks.lira_data import DATA_SEED
from benchmarks.lira_measures import Values
from benchmarks.lira_work import Work, digest
from benchmarks.report import publish
from benchmarks.stages import default_split
from rag.build import build_engine
from rag.generation.rewriting import QueryRewriter
from rag.settings import load_settings
from retriever.alignment.data import parallel_texts
from retriever.alignment.methods.lira.candidates import learn_gloss
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import LiraQuery, LiraRows, SimilarRows, embed_rows, noised_candidates
from retriever.alignment.methods.lira.train import fuse_rows
from retriever.data.pairs import read_pairs
from retriever.data.squad import read_squad
from retriever.data.sts import read_sts2017, read_stsb

TRAINED, PAIRS = ("de", "es", "ru", "zh"), 300
"""The languages of stsb-multi-mt that CorrQueue is trained on, and so many pairs of each."""
COLUMNS = ("translation", "pairs", "system", "Pearson", "low", "high", "Spearman", "low ", "high ")


def similarity(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-similarity`."""
    rows, development = work.training()
    similar = _training_pairs(work)
    networks = {
        "LiRA": [work.network("as it is", Lira(), rows, development, seed=seed) for seed in seeds],
        "LiRA with CorrQueue": [
            work.network("CorrQueue", Lira(), rows, development, seed=seed, similar=similar) for seed in seeds
        ],
        "the same, no queue of pairs": [
            work.network("CorrQueue of a batch", Lira(similar_queue=0), rows, development, seed=seed, similar=similar)
            for seed in seeds
        ],
    }
    table: list[list[object]] = []
    for label, (part, scores) in _reported(work).items():
        own, english = part.own.vectors.float(), part.candidates.vectors[:, 0].float()
        vectors = {
            "query alone": [own],
            "translation alone": [english],
            "mean of both": [functional.normalize(own + english, dim=1)],
            **{name: [fuse_rows(network, part, 0) for network in trained] for name, trained in networks.items()},
        }
        for name, fused in vectors.items():
            predicted = [(one * part.documents).sum(dim=1).double().numpy() for one in fused]
            table.append([label, len(scores), name, *_correlations(predicted, scores)])
    publish(
        "lira-similarity",
        "STS 2017, Arabic sentences against English ones: correlation with people’s scores",
        COLUMNS,
        table,
        data="STS 2017, stsb-multi-mt",
        seeds=seeds,
        encoders=[work.encoder],
    )


def _training_pairs(work: Work) -> SimilarRows:
    """Pairs of stsb-multi-mt: a sentence in L, its English original, and the English sentence beside it."""
    english = read_stsb(work.data / "sts" / "stsb-en-train.csv")
    queries, scores = [], []
    rng = random.Random(DATA_SEED)
    for language in TRAINED:
        translated = read_stsb(work.data / "sts" / f"stsb-{language}-train.csv")
        for number in rng.sample(range(len(english)), PAIRS):
            original = english[number]
            text = translated[number].first
            queries.append(LiraQuery(language, text, original.first, original.second, original.second))
            scores.append(original.score)
    rows = _embed_pairs(work, "stsb", queries, noised_candidates(queries, DATA_SEED))
    return SimilarRows(rows, torch.tensor(scores))


def _reported(work: Work) -> dict[str, tuple[LiraRows, Values]]:
    """The pairs by their translations: a gloss, and the generator's where it has usable ones."""
    pairs = read_sts2017(work.data / "sts", "track2.ar-en")
    queries = [LiraQuery("ar", pair.second, "", pair.first, pair.first) for pair in pairs]
    scores = np.array([pair.score for pair in pairs])
    squad = default_split(read_squad(work.data / "xquad", LANGUAGES)).train
    parallel = parallel_texts(squad, read_pairs(work.data / "tatoeba", ["ar"]))
    gloss = learn_gloss([(text.text, text.english) for text in parallel if text.language == "ar"])
    glosses = [[gloss(query.text)] for query in queries]
    parts = {"gloss": (_embed_pairs(work, "sts2017", queries, glosses), scores)}
    with contextlib.closing(build_engine(load_settings())) as engine:
        translate = QueryRewriter(lambda: engine, work.folder, "translate", seconds=SECONDS)
        texts = [translate(query.text, "ar", "en") for query in tqdm(queries)]
        label = engine.label
    usable = [number for number, text in enumerate(texts) if text]
    chosen, translations = [queries[n] for n in usable], [[str(texts[n])] for n in usable]
    rows = _embed_pairs(work, "sts2017", chosen, translations)
    parts[f"{label}, {len(usable)} of {len(texts)} usable"] = (rows, scores[usable])
    return parts


def _embed_pairs(work: Work, name: str, queries: Sequence[LiraQuery], candidates: Sequence[Sequence[str]]) -> LiraRows:
    """Rows whose documents are sentences: the encoder embeds them as queries, which they are alike to."""

    def make() -> LiraRows:
        sentences = work.encoder.encode_queries([query.document for query in queries])
        return replace(embed_rows(queries, candidates, work.encoder), documents=torch.from_numpy(sentences))

    return work.rows(f"{name}-{digest(queries, candidates)}", make)


def _correlations(predicted: Sequence[Values], scores: Values) -> list[float]:
    """Pearson's and Spearman's correlation, the mean of networks, with 95 % intervals over pairs."""
    cells = []
    for measure in (stats.pearsonr, stats.spearmanr):

        def mean(numbers: NDArray[Any], measure: Any = measure) -> float:
            chosen = numbers.astype(int)
            return float(np.mean([measure(one[chosen], scores[chosen]).statistic for one in predicted]))

        interval = stats.bootstrap(
            (np.arange(len(scores)),), mean, n_resamples=1000, method="percentile", vectorized=False, rng=DATA_SEED
        ).confidence_interval
        cells += [mean(np.arange(len(scores))), float(interval.low), float(interval.high)]
    return cells

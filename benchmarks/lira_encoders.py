"""LiRA's other baselines: encoders alone, one of them anchored by training on LiRA's data; and seconds a query."""

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import from_numpy

from benchmarks.lira_data import DATA_SEED, training_queries
from benchmarks.lira_measures import first, mean_of_languages, ndcg
from benchmarks.lira_search import LABELS
from benchmarks.lira_work import Reported, Work, digest, noised_queries
from benchmarks.report import encoder_hash, publish
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.alignment.data import Material
from retriever.alignment.methods.anchoring import Anchoring
from retriever.alignment.methods.lira.candidates import NOISE
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.plan import Plan
from retriever.alignment.recipe import Recipe
from retriever.alignment.run import tune
from retriever.data.pairs import Pair
from retriever.models.encoder import Encoder
from retriever.models.lira import LiraNetwork
from retriever.models.lira_encoder import LiraEncoder

PACKAGED, DONE = "packaged", "done"
WARM_UP = "Which city is the capital of the country?"
ANCHORED = Recipe(steps=100, learning_rate=3e-5)
TIMED = 200


def encoders(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-encoders`."""
    base = build_encoder(load_settings(encoder="base"))
    systems = {PACKAGED: base, work.encoder.name: work.encoder, "anchored by training": anchored(work)}
    table: list[list[object]] = []
    for part in work.reported().values():
        for label, share in zip(LABELS, (0.0, *NOISE), strict=True):
            texts = noised_queries(part.queries, share) if share else [query.text for query in part.queries]
            for name, encoder in systems.items():
                table.append([part.name, label, name, len(texts), *_cells(work, part, name, encoder, texts)])
    publish(
        "lira-encoders",
        "LiRA’s baselines without a translation; “anchored by training” is the aligned encoder trained on LiRA’s data",
        ["data", "query", "encoder", "queries", "nDCG@10", "R@1"],
        table,
        data="AfriQA, SIB-200, XQuAD",
        seeds=[DATA_SEED],
        encoders=[base, work.encoder],
        details={"anchoring_steps": ANCHORED.steps, "anchoring_rate": ANCHORED.learning_rate},
    )


def seconds(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-seconds`."""
    network = work.network("as it is", Lira(), *work.training(), seed=seeds[0])
    publish(
        "lira-seconds",
        f"Milliseconds a query, the median of {TIMED} of AfriQA’s, one by one",
        ["query", "milliseconds", "of the query alone"],
        _seconds(work, network),
        data="AfriQA",
        seeds=[seeds[0]],
        encoders=[work.encoder],
    )


def anchored(work: Work) -> Encoder:
    """The aligned encoder trained by `distill` on the parallel texts that LiRA is trained on, once."""
    train, _ = training_queries(work.data, DATA_SEED)
    pairs = [Pair(query.language, query.text, query.english) for query in train if query.language != "en"]
    out = work.folder / f"anchored-{digest(ANCHORED, pairs)}"
    if not (out / DONE).is_file():
        shutil.rmtree(out, ignore_errors=True)
        plan = Plan(Anchoring(query_side=True), (), out, replace(ANCHORED, seed=DATA_SEED))
        tune(plan, Material(None, pairs, [], []), work.encoder)
        (out / DONE).touch()
    return build_encoder(load_settings(encoder=str(out)))


def _cells(work: Work, part: Reported, name: str, encoder: Encoder, texts: Sequence[str]) -> list[float]:
    pool = part.pool
    kept = f"{part.name}-{encoder_hash(encoder)}"
    if name == PACKAGED:
        file = f"{kept}-pool-{digest(part.documents)}.tensor"
        pool = work.keep(file, lambda: from_numpy(encoder.encode_passages(part.documents)))
    queries = work.keep(f"{kept}-{digest(texts)}.tensor", lambda: from_numpy(encoder.encode_queries(texts)))
    values = [measure(queries @ pool.T, part.right) for measure in (ndcg, first)]
    return [mean_of_languages(one, part.rows.languages) for one in values]


def _seconds(work: Work, network: LiraNetwork) -> list[list[object]]:
    """The rows of `lira-seconds`: the query alone, and fused with a translation that is at hand."""
    part = work.reported("AfriQA")["AfriQA"]
    queries = random.Random(DATA_SEED).sample(list(part.queries), TIMED)
    english = {query.text: query.english for query in queries}
    again = {f"{query.text} ": query.english for query in queries}
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "lira")
        shutil.copytree(work.encoder.folder, folder)
        network.save(folder)
        options: dict[str, Any] = {"cache": work.encoder.cache, "backend": "torch"}
        alone = Encoder(str(folder), **options)
        fused = LiraEncoder(str(folder), translators=[lambda text, *_: (english | again)[text]], **options)
        for encoder in (alone, fused):
            encoder.encode_query(WARM_UP, "en")
        texts = [(query.text, query.language) for query in queries]
        times = {
            "query alone": _median(alone.encode_query, texts),
            "fused, the translation's text at hand": _median(fused.encode_query, texts),
            "fused, its vectors in memory": _median(fused.encode_query, [(f"{text} ", code) for text, code in texts]),
        }
    return [[name, 1000 * value, value / times["query alone"]] for name, value in times.items()]


def _median(encode: Callable[[str, str], object], texts: Sequence[tuple[str, str]]) -> float:
    """The median of the seconds that each text takes."""
    seconds = []
    for text, language in texts:
        start = time.perf_counter()
        encode(text, language)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)

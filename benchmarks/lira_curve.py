"""LiRA's gain against the quality of the translation: human ones spoilt ever more, and a generator's."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import matplotlib
import numpy as np
from rapidfuzz.distance import Levenshtein

from benchmarks.lira_data import DATA_SEED, spoil_translations
from benchmarks.lira_measures import baseline_scores, compare_by_question, mean_of_languages, ndcg
from benchmarks.lira_work import Reported, Work, digest
from benchmarks.report import RESULTS, publish
from rag.build import build_engine
from rag.generation.rewriting import QueryRewriter
from rag.settings import load_settings
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import embed_view, noised_candidates
from retriever.alignment.methods.lira.train import fuse_rows
from retriever.languages.words import tokenize
from retriever.models.lira import LiraNetwork, View

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TRANSLATED = 12
"""Questions a language for the generator."""
SECONDS = 60.0
CAPTION = "nDCG@10 by the quality of the translation"
SYSTEMS = ("translation alone", "both by RRF", "mean of both")
COLUMNS = (
    *("data", "translation", "queries", "word error rate", "query alone", *SYSTEMS, "LiRA"),
    *("LiRA - query", "low", "high", "p", "LiRA - mean", "low ", "high ", "p "),
)


def curve(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-curve` and its plot."""
    networks = _networks(work, seeds)
    table: list[list[object]] = []
    for part in work.reported("AfriQA", "XQuAD").values():
        for share in SHARES:
            texts = spoil_translations(part.queries, share)
            table.append(_row(work, part, networks, f"{share:.0%} of words spoilt", texts))
        glosses = [row[-1] for row in noised_candidates(part.queries, DATA_SEED)]
        table.append(_row(work, part, networks, "gloss", glosses))
    _publish("lira-curve", f"{CAPTION}: the word error rate to the human one", work, seeds, table)
    plot(table)


def generator(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-generator`: the same with the generator's own translations."""
    networks = _networks(work, seeds)
    table: list[list[object]] = []
    for part in work.reported("AfriQA", "XQuAD").values():
        subset, texts, label = translated(work, part)
        if subset.queries:
            table.append(_row(work, subset, networks, label, texts))
    _publish("lira-generator", f"{CAPTION}: the generator’s own", work, seeds, table)


def _networks(work: Work, seeds: Sequence[int]) -> list[LiraNetwork]:
    rows, development = work.training()
    return [work.network("as it is", Lira(), rows, development, seed=seed) for seed in seeds]


def _publish(name: str, caption: str, work: Work, seeds: Sequence[int], table: list[list[object]]) -> None:
    publish(name, caption, COLUMNS, table, data="AfriQA, XQuAD", seeds=seeds, encoders=[work.encoder])


def translated(work: Work, part: Reported) -> tuple[Reported, list[str], str]:
    """The first TRANSLATED queries of each language that the generator translates usably, and its translations."""
    drawn = part.first_of_languages(TRANSLATED)
    with contextlib.closing(build_engine(load_settings())) as engine:
        translate = QueryRewriter(lambda: engine, work.folder, "translate", seconds=SECONDS)
        texts = {n: translate(part.queries[n].text, part.queries[n].language, "en") for n in drawn}
        label = engine.label
    usable = {number: text for number, text in texts.items() if text}
    return part.only(list(usable)), list(usable.values()), f"{label}, {len(usable)} of {len(drawn)} usable"


def word_error_rate(texts: Sequence[str], references: Sequence[str]) -> float:
    """Words to insert, delete or replace, for each word of the references.

    >>> word_error_rate(["the city Rome"], ["The city of Rome?"])
    0.25
    """
    pairs = [(tokenize(text), tokenize(reference)) for text, reference in zip(texts, references, strict=True)]
    return sum(Levenshtein.distance(*pair) for pair in pairs) / sum(len(reference) for _, reference in pairs)


def _row(work: Work, part: Reported, networks: Sequence[LiraNetwork], label: str, texts: Sequence[str]) -> list[object]:
    name = f"{part.name}-curve-{label}-{digest(texts)}".replace("/", "-")
    english = work.view(name, lambda: embed_view(work.encoder, texts, ["en"] * len(texts)))
    rows = replace(part.rows, candidates=View(english.vectors[:, None], english.bins[:, None]))
    right, languages = part.right, rows.languages
    values = {
        name: ndcg(scores, right) for name, scores in baseline_scores(rows.own, english.vectors, part.pool).items()
    }
    lira = np.mean([ndcg(fuse_rows(network, rows, 0) @ part.pool.T, right) for network in networks], axis=0)
    gains = [compare_by_question(lira, values[name], part.queries) for name in ("query alone", "mean of both")]
    return [
        *(part.name, label, len(rows), word_error_rate(texts, [query.english for query in part.queries])),
        *(mean_of_languages(values[name], languages) for name in ("query alone", *SYSTEMS)),
        mean_of_languages(lira, languages),
        *(cell for gain in gains for cell in (gain.difference, gain.low, gain.high, gain.p)),
    ]


def plot(table: Sequence[Sequence[object]]) -> None:
    """The gain over the query alone, against the word error rate."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(str(row[0]) for row in table))
    figure, axes = pyplot.subplots(1, len(names), figsize=(4.8 * len(names), 3.6), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in table if row[0] == name]
        ordered = sorted((row for row in rows if "spoilt" in str(row["translation"])), key=_error_rate)
        for system in (*SYSTEMS, "LiRA"):
            gains = [float(str(row[system])) - float(str(row["query alone"])) for row in ordered]
            axis.plot([_error_rate(row) for row in ordered], gains, label=system)
        for row in rows:
            if row not in ordered:
                axis.plot(_error_rate(row), float(str(row["LiRA"])) - float(str(row["query alone"])), "k.")
                axis.annotate(
                    str(row["translation"]).partition(",")[0],
                    (_error_rate(row), float(str(row["LiRA"])) - float(str(row["query alone"]))),
                    fontsize=7,
                )
        axis.axhline(0, color="grey", linewidth=0.8)
        axis.set(title=name, xlabel="word error rate of the translation", ylabel="nDCG@10 - query alone")
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(RESULTS / "lira-curve.png", dpi=75)


def _error_rate(row: dict[str, object]) -> float:
    return float(str(row["word error rate"]))

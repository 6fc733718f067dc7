"""LiRA's search: clean and noised queries, translations of several qualities, and the method with parts left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.lira_measures import (
    BASELINES,
    Values,
    baseline_scores,
    compare_by_question,
    first,
    mean_of_languages,
    ndcg,
)
from benchmarks.lira_work import Reported, Work
from benchmarks.report import publish
from retriever.alignment.methods.lira.candidates import NOISE
from retriever.alignment.methods.lira.losses import Weights
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import LiraRows
from retriever.alignment.methods.lira.train import fuse_rows
from retriever.models.lira import LiraNetwork, View

CANDIDATES = (*(f"human, {share:.0%} of words spoilt" for share in NOISE), "gloss")
LABELS = ("clean", *(f"{share:.0%} of words spoilt" for share in NOISE))
COLUMNS = (
    *("data", "query", "translation", "queries", *BASELINES, "LiRA", "best other"),
    *("difference", "low", "high", "p", "R@1 query alone", "R@1 best other", "R@1 LiRA"),
)


def search(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira`: nDCG@10 and R@1 of each system, LiRA's the mean of the seeds' networks."""
    rows, development = work.training()
    networks = [work.network("as it is", Lira(), rows, development, seed=seed) for seed in seeds]
    table: list[list[object]] = []
    for name, part in work.reported().items():
        for place, label in enumerate(CANDIDATES):
            table.append([name, "clean", label, *compared(part, networks, place)])
        for place, share in enumerate(NOISE):
            noised = replace(part, rows=replace(part.rows, own=work.noised(part, share)))
            table.append([name, LABELS[1 + place], CANDIDATES[place], *compared(noised, networks, place)])
    publish("lira", "nDCG@10", COLUMNS, table, data="AfriQA, SIB-200, XQuAD", seeds=seeds, encoders=[work.encoder])


def compared(part: Reported, networks: Sequence[LiraNetwork], place: int) -> list[object]:
    """The cells of a row: each system's mean over languages, and LiRA against the best other by question."""
    right, languages = part.right, part.rows.languages
    scores = baseline_scores(part.rows.own, part.rows.candidates.vectors[:, place], part.pool)
    fused = [fuse_rows(network, part.rows, place) @ part.pool.T for network in networks]
    values = {name: ndcg(one, right) for name, one in scores.items()}
    lira: Values = np.mean([ndcg(one, right) for one in fused], axis=0)
    means = {name: mean_of_languages(one, languages) for name, one in values.items()}
    best = max(BASELINES, key=means.__getitem__)
    difference = compare_by_question(lira, values[best], part.queries)
    found = [first(scores["query alone"], right), first(scores[best], right)]
    found.append(np.mean([first(one, right) for one in fused], axis=0))
    return [
        *(len(part.rows), *means.values(), mean_of_languages(lira, languages), best),
        *(difference.difference, difference.low, difference.high, difference.p),
        *(mean_of_languages(one, languages) for one in found),
    ]


Change = Callable[[LiraRows], LiraRows]


def unchanged(rows: LiraRows) -> LiraRows:
    """The rows as they are."""
    return rows


@dataclass(frozen=True, slots=True)
class Variant:
    """The method with a part changed: its rows in training, and those that are reported, too.

    `chooses` is whether the actor chooses a translation of what is reported; else the mean over all is. `paper` is the
    change that LiRA's authors report.
    """

    method: Lira
    trained: Change = unchanged
    measured: Change = unchanged
    chooses: bool = True
    paper: float | None = None


def without_translation(rows: LiraRows) -> LiraRows:
    """The query stands in for its translations."""
    count = rows.candidates.vectors.shape[1]
    repeated = [part[:, None].expand(-1, count, *part.shape[1:]) for part in (rows.own.vectors, rows.own.bins)]
    return replace(rows, candidates=View(*repeated))


def without_query(rows: LiraRows) -> LiraRows:
    """Each translation stands in for its query: a row for each of them."""
    count = rows.candidates.vectors.shape[1]
    vectors, bins = (part.flatten(0, 1) for part in (rows.candidates.vectors, rows.candidates.bins))
    return LiraRows(
        own=View(vectors, bins),
        candidates=View(vectors[:, None], bins[:, None]),
        ratings=rows.ratings.flatten(0, 1)[:, None],
        english=rows.english.repeat_interleave(count, dim=0),
        documents=rows.documents.repeat_interleave(count, dim=0),
        languages=[language for language in rows.languages for _ in range(count)],
    )


def with_translations(*places: int) -> Change:
    """Some of the translations alone."""

    def chosen(rows: LiraRows) -> LiraRows:
        view = rows.candidates
        return replace(
            rows,
            candidates=View(view.vectors[:, places], view.bins[:, places]),
            ratings=rows.ratings[:, places],
        )

    return chosen


def with_bins(count: int) -> Change:
    """So many bins, each the mean of several."""

    def pooled(view: View) -> View:
        *others, bins, width = view.bins.shape
        return View(view.vectors, view.bins.reshape(*others, count, bins // count, width).mean(dim=-2))

    return lambda rows: replace(rows, own=pooled(rows.own), candidates=pooled(rows.candidates))


VARIANTS = {
    "as it is": Variant(Lira()),
    "no embedding critic: a random translation": Variant(
        Lira(weights=Weights(reward=(1 / 3, 1 / 3, 1 / 3, 0.0))), chooses=False, paper=-0.1194
    ),
    "no translation": Variant(Lira(), without_translation, without_translation, chooses=False, paper=-0.0223),
    "no multilingual encoder": Variant(Lira(), without_query, without_query, chooses=False, paper=-0.0212),
    "no queue": Variant(Lira(queue=0), paper=-0.1342),
    "queue of 256": Variant(Lira(queue=256)),
    "queue of 4096": Variant(Lira(queue=4096)),
    "no penalties": Variant(Lira(weights=Weights(penalty=0, adaptor_penalty=0))),
    "a tenth of both penalties": Variant(Lira(weights=Weights(penalty=1, adaptor_penalty=1))),
    "a tenth of the adaptor's": Variant(Lira(weights=Weights(adaptor_penalty=1))),
    "no contrastive term": Variant(Lira(weights=Weights(contrast=0))),
    "no first stage": Variant(Lira(arca_share=0)),
    "trained on 1 translation": Variant(Lira(), with_translations(1)),
    "trained on 2 translations": Variant(Lira(), with_translations(1, 3)),
    "1 bin": Variant(Lira(), with_bins(1), with_bins(1)),
    "4 bins": Variant(Lira(), with_bins(4), with_bins(4)),
}


def ablation(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-ablation`: nDCG@10 of each variant, on the translation that its actor chooses of four."""
    rows, development = work.training()
    parts = work.reported("AfriQA", "XQuAD")
    table: list[list[object]] = []
    full: dict[str, float] = {}
    for name, variant in VARIANTS.items():
        changed = variant.trained(rows), variant.trained(development)
        networks = [work.network(name, variant.method, *changed, seed=seed) for seed in seeds]
        cells: list[float] = []
        for part in parts.values():
            means = [variant_mean(network, variant, part) for network in networks]
            mean = float(np.mean(means))
            cells += [mean, max(means) - min(means), mean - full.setdefault(part.name, mean)]
        table.append([name, *cells, variant.paper])
    columns = ["variant", *(f"{name}{cell}" for name in parts for cell in ("", ", range of seeds", ", change"))]
    publish(
        "lira-ablation",
        "nDCG@10 with the translation that the actor chooses of four; “paper” is LiRA’s own change on its data",
        [*columns, "paper"],
        table,
        data="AfriQA, XQuAD",
        seeds=seeds,
        encoders=[work.encoder],
    )


def variant_mean(network: LiraNetwork, variant: Variant, part: Reported) -> float:
    """nDCG@10, the mean over languages."""
    rows = variant.measured(part.rows)
    right = part.right.repeat_interleave(len(rows) // len(part.rows))
    places = range(rows.candidates.vectors.shape[1])
    values = np.stack([ndcg(fuse_rows(network, rows, place) @ part.pool.T, right) for place in places], axis=1)
    if variant.chooses:
        chosen = values[np.arange(len(rows)), actor_choice(network, rows).numpy()]
    else:
        chosen = values.mean(axis=1)
    return mean_of_languages(chosen, rows.languages)


@torch.no_grad()
def actor_choice(network: LiraNetwork, rows: LiraRows) -> Tensor:
    """The number of the translation that the actor prefers for each query, (N,)."""
    return network.preferences(rows.ratings, similarities(network, rows)).argmax(dim=1)


@torch.no_grad()
def similarities(network: LiraNetwork, rows: LiraRows) -> Tensor:
    """The cosines of each query and its translations after the adaptor, (N, K)."""
    own, english = (
        network.embed(View(view.vectors.float(), view.bins.float())) for view in (rows.own, rows.candidates)
    )
    return functional.cosine_similarity(own[:, None], english, dim=2)

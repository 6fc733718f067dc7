"""How LiRA chooses a translation: the actor beside simpler ways."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor
from torch.nn import functional

from benchmarks.lira_measures import Values, compare_by_question, mean_of_languages, ndcg
from benchmarks.lira_search import actor_choice, similarities
from benchmarks.lira_work import Reported, Work
from benchmarks.report import publish
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.train import fuse_rows
from retriever.models.lira import LiraNetwork, View

CHOICE_CAPTION = "nDCG@10 of the fused query, by how one of four translations is chosen"
CHOICE_COLUMNS = ("data", "choice", "queries", "nDCG@10", "less random", "low", "high", "p")


def choice(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-choice`, without the language model's ratings."""
    rows, development = work.training()
    networks = [work.network("as it is", Lira(), rows, development, seed=seed) for seed in seeds]
    by_task = [work.network("task reward", Lira(task_reward=True), rows, development, seed=seed) for seed in seeds]
    parts = work.reported("AfriQA", "XQuAD")
    table = [row for part in parts.values() for row in _policy_rows(part, networks, by_task)]
    publish(
        "lira-choice",
        f"{CHOICE_CAPTION}; no language model",
        CHOICE_COLUMNS,
        table,
        data="AfriQA, XQuAD",
        seeds=seeds,
        encoders=[work.encoder],
    )


Policy = Callable[[LiraNetwork, Reported], Tensor]


def _policy_rows(part: Reported, networks: Sequence[LiraNetwork], by_task: Sequence[LiraNetwork]) -> list[list[object]]:
    """Each way's mean over languages, and its difference to a random choice."""
    values = [values_of_all(network, part) for network in networks]
    task_values = [values_of_all(network, part) for network in by_task]
    means = [
        ndcg(fuse_rows(network, _mean_translation(part).rows, 0) @ part.pool.T, part.right) for network in networks
    ]
    chosen = {
        "random": np.mean([every.mean(axis=1) for every in values], axis=0),
        "argmax of the cosine": chosen_by(networks, values, part, lambda n, p: similarities(n, p.rows).argmax(dim=1)),
        "the mean of all four": np.mean(means, axis=0),
        "the actor, REINFORCE": chosen_by(networks, values, part, lambda n, p: actor_choice(n, p.rows)),
        "the actor, rewarded by the task": chosen_by(by_task, task_values, part, lambda n, p: actor_choice(n, p.rows)),
        "the best of all, by the right document": np.mean([every.max(axis=1) for every in values], axis=0),
    }
    return choice_rows(part, chosen)


def choice_rows(part: Reported, chosen: dict[str, Values]) -> list[list[object]]:
    """The table's rows of values by the name of the choice."""
    rows: list[list[object]] = []
    for name, values in chosen.items():
        difference = compare_by_question(values, chosen["random"], part.queries)
        cells = (difference.difference, difference.low, difference.high, difference.p)
        rows.append([part.name, name, len(part.queries), mean_of_languages(values, part.rows.languages), *cells])
    return rows


def values_of_all(network: LiraNetwork, part: Reported) -> Values:
    """nDCG@10 of each query with each translation, (N, K)."""
    places = range(part.rows.candidates.vectors.shape[1])
    return np.stack([ndcg(fuse_rows(network, part.rows, n) @ part.pool.T, part.right) for n in places], axis=1)


def chosen_by(networks: Sequence[LiraNetwork], values: Sequence[Values], part: Reported, policy: Policy) -> Values:
    """The values of the translations that a policy chooses, the mean over networks."""
    rows = np.arange(len(part.queries))
    return np.asarray(
        np.mean(
            [every[rows, policy(network, part).numpy()] for network, every in zip(networks, values, strict=True)],
            axis=0,
        )
    )


def _mean_translation(part: Reported) -> Reported:
    """One translation a query: the mean of its translations' views."""
    view = part.rows.candidates
    vectors = functional.normalize(view.vectors.float().mean(dim=1, keepdim=True), dim=2)
    return replace(part, rows=replace(part.rows, candidates=View(vectors, view.bins.float().mean(dim=1, keepdim=True))))

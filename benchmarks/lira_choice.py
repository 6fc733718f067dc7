"""How LiRA chooses a translation: what its critics are worth, and the actor beside simpler ways."""

import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from benchmarks.lira_data import DATA_SEED
from benchmarks.lira_measures import Values, compare_by_question, mean_of_languages, ndcg
from benchmarks.lira_search import CANDIDATES, actor_choice, similarities
from benchmarks.lira_work import Reported, Work
from benchmarks.report import publish
from rag.build import build_engine
from rag.generation.engine import Engine
from rag.generation.translation_critic import ASPECTS, TranslationCritic
from rag.settings import load_settings
from retriever.alignment.methods.lira import objectives
from retriever.alignment.methods.lira.losses import Weights
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import noised_candidates
from retriever.alignment.methods.lira.train import fuse_rows
from retriever.evaluation.metrics import confidence_interval
from retriever.models.lira import LiraNetwork, View

RATED = 6
"""Queries a language whose translations the language model rates."""
JUDGES = (*ASPECTS, "mean of the three", "cosine")


def critic(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-critic`: how often the human translation is rated above another text, ties counting half."""
    table: list[list[object]] = []
    with contextlib.closing(build_engine(load_settings())) as engine:
        label = engine.label
        for part in work.reported("AfriQA", "XQuAD").values():
            sample = part.only(part.first_of_languages(RATED))
            human = [query.english for query in sample.queries]
            texts = _candidate_texts(part, sample)
            others = {label: [row[place] for row in texts] for place, label in enumerate(CANDIDATES)}
            others["of another question"] = _shuffled(sample)
            rated = {name: _rated(work, engine, sample, side) for name, side in {"human": human, **others}.items()}
            for name in others:
                table.append([part.name, name, len(human), *_areas(sample, rated["human"], rated[name])])
    publish(
        "lira-critic",
        f"Share of pairs in which the human translation is rated above the other text, by {label}; “cosine” is the "
        "encoder’s, of text and translation",
        [
            "data",
            "other text",
            "pairs",
            *(cell for judge in JUDGES for cell in (judge, f"{judge}, low", f"{judge}, high")),
        ],
        table,
        data="AfriQA, XQuAD",
        seeds=[DATA_SEED],
        encoders=[work.encoder],
        details={"critic": label},
    )


def _candidate_texts(part: Reported, sample: Reported) -> list[list[str]]:
    """The texts of the sample's rows."""
    texts = noised_candidates(part.queries, DATA_SEED)
    places = {id(query): number for number, query in enumerate(part.queries)}
    return [texts[places[id(query)]] for query in sample.queries]


def _shuffled(sample: Reported) -> list[str]:
    """For each query the human translation of another one."""
    english = [query.english for query in sample.queries]
    unique = list(dict.fromkeys(english))
    rng = random.Random(DATA_SEED)
    return [rng.choice([other for other in unique if other != text]) for text in english]


def _rated(work: Work, engine: Engine, sample: Reported, texts: Sequence[str]) -> Values:
    """The ratings of translations by each of JUDGES, (N, judges)."""
    rate = TranslationCritic(lambda: engine, work.folder)
    ratings = np.array(
        [rate(query.text, query.language, text) for query, text in zip(tqdm(sample.queries), texts, strict=True)]
    )
    english = torch.from_numpy(work.encoder.encode_queries(texts))
    cosines = (sample.rows.own.vectors.float() * english).sum(dim=1).double().numpy()
    return np.column_stack([ratings, ratings.mean(axis=1), cosines])


def _areas(sample: Reported, human: Values, other: Values) -> list[float]:
    wins = (human > other) + (human == other) / 2
    questions = [query.english for query in sample.queries]
    cells = []
    for column in wins.T:
        cells += [float(column.mean()), *confidence_interval(list(column), questions)]
    return cells


def choice(work: Work, seeds: Sequence[int]) -> None:
    """The tables `lira-choice`, over all queries without the language model, and `lira-choice-rated`, over a sample."""
    rows, development = work.training()
    networks = [work.network("as it is", Lira(), rows, development, seed=seed) for seed in seeds]
    by_task = [work.network("task reward", Lira(task_reward=True), rows, development, seed=seed) for seed in seeds]
    parts = work.reported("AfriQA", "XQuAD")
    table = [row for part in parts.values() for row in _policy_rows(part, networks, by_task)]
    columns = ["data", "choice", "queries", "nDCG@10", "less random", "low", "high", "p"]
    caption = "nDCG@10 of the fused query, by how one of four translations is chosen"
    publish(
        "lira-choice", f"{caption}; no language model", columns, table,
        data="AfriQA, XQuAD", seeds=seeds, encoders=[work.encoder],
    )  # fmt: skip
    with contextlib.closing(build_engine(load_settings())) as engine:
        table = []
        for part in parts.values():
            sample = part.only(part.first_of_languages(RATED))
            texts = _candidate_texts(part, sample)
            ratings = np.stack(
                [_rated(work, engine, sample, [row[place] for row in texts]) for place in range(len(CANDIDATES))],
                axis=1,
            )
            rated = replace(sample, rows=replace(sample.rows, ratings=torch.from_numpy(ratings[:, :, :3]).float()))
            table += _rated_rows(rated, networks)
        label = engine.label
    publish(
        "lira-choice-rated", f"{caption}; ratings by {label}", columns, table,
        data="AfriQA, XQuAD", seeds=seeds, encoders=[work.encoder],
    )  # fmt: skip


Policy = Callable[[LiraNetwork, Reported], Tensor]


def _policy_rows(part: Reported, networks: Sequence[LiraNetwork], by_task: Sequence[LiraNetwork]) -> list[list[object]]:
    """Each way's mean over languages, and its difference to a random choice."""
    values = [_values_of_all(network, part) for network in networks]
    task_values = [_values_of_all(network, part) for network in by_task]
    means = [
        ndcg(fuse_rows(network, _mean_translation(part).rows, 0) @ part.pool.T, part.right) for network in networks
    ]
    chosen = {
        "random": np.mean([every.mean(axis=1) for every in values], axis=0),
        "argmax of the cosine": _by(networks, values, part, lambda n, p: similarities(n, p.rows).argmax(dim=1)),
        "the mean of all four": np.mean(means, axis=0),
        "the actor, REINFORCE": _by(networks, values, part, lambda n, p: actor_choice(n, p.rows)),
        "the actor, rewarded by the task": _by(by_task, task_values, part, lambda n, p: actor_choice(n, p.rows)),
        "the best of all, by the right document": np.mean([every.max(axis=1) for every in values], axis=0),
    }
    return _table_rows(part, chosen)


def _rated_rows(part: Reported, networks: Sequence[LiraNetwork]) -> list[list[object]]:
    values = [_values_of_all(network, part) for network in networks]
    weights = Weights().reward
    ratings = part.rows.ratings
    chosen = {
        "random": np.mean([every.mean(axis=1) for every in values], axis=0),
        "argmax of the cosine (no language model)": _by(
            networks, values, part, lambda n, p: similarities(n, p.rows).argmax(dim=1)
        ),
        "argmax of the ratings (no embedding critic)": _by(
            networks, values, part, lambda n, p: ratings.mean(dim=2).argmax(dim=1)
        ),
        "argmax of the reward": _by(
            networks,
            values,
            part,
            lambda n, p: objectives.reward(ratings, similarities(n, p.rows), weights).argmax(dim=1),
        ),
        "the best of all, by the right document": np.mean([every.max(axis=1) for every in values], axis=0),
    }
    return _table_rows(part, chosen)


def _table_rows(part: Reported, chosen: dict[str, Values]) -> list[list[object]]:
    rows: list[list[object]] = []
    for name, values in chosen.items():
        difference = compare_by_question(values, chosen["random"], part.queries)
        cells = (difference.difference, difference.low, difference.high, difference.p)
        rows.append([part.name, name, len(part.queries), mean_of_languages(values, part.rows.languages), *cells])
    return rows


def _values_of_all(network: LiraNetwork, part: Reported) -> Values:
    """nDCG@10 of each query with each translation, (N, K)."""
    places = range(part.rows.candidates.vectors.shape[1])
    return np.stack([ndcg(fuse_rows(network, part.rows, n) @ part.pool.T, part.right) for n in places], axis=1)


def _by(networks: Sequence[LiraNetwork], values: Sequence[Values], part: Reported, policy: Policy) -> Values:
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

"""LiRA's language-model critic: whether it knows a true translation, and what its choice is worth to search."""

import contextlib
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.lira_choice import CHOICE_CAPTION, CHOICE_COLUMNS, choice_rows, chosen_by, values_of_all
from benchmarks.lira_data import DATA_SEED
from benchmarks.lira_measures import Values
from benchmarks.lira_search import CANDIDATES, similarities
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
from retriever.evaluation.metrics import confidence_interval
from retriever.models.lira import LiraNetwork

RATED = 4
"""Queries a language whose translations the language model rates."""
OTHER = "of another question"
JUDGES = (*ASPECTS, "mean of the three", "cosine")


def critic(work: Work, seeds: Sequence[int]) -> None:
    """The tables `lira-critic`, the critic's own worth, and `lira-choice-rated`, what it is worth to search."""
    rows, development = work.training()
    networks = [work.network("as it is", Lira(), rows, development, seed=seed) for seed in seeds]
    worth: list[list[object]] = []
    choices: list[list[object]] = []
    with contextlib.closing(build_engine(load_settings())) as engine:
        for part in work.reported("AfriQA", "XQuAD").values():
            sample = part.only(part.first_of_languages(RATED))
            texts = _candidate_texts(part, sample)
            rated = [_rated(work, engine, sample, [row[place] for row in texts]) for place in range(len(CANDIDATES))]
            human = _rated(work, engine, sample, [query.english for query in sample.queries])
            others = {
                **dict(zip(CANDIDATES, rated, strict=True)),
                OTHER: _rated(work, engine, sample, _shuffled(sample)),
            }
            worth += [[part.name, name, len(human), *_areas(sample, human, other)] for name, other in others.items()]
            ratings = torch.from_numpy(np.stack(rated, axis=1)[:, :, : len(ASPECTS)]).float()
            choices += _rated_rows(replace(sample, rows=replace(sample.rows, ratings=ratings)), networks)
        label = engine.label
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
        worth,
        data="AfriQA, XQuAD",
        seeds=[DATA_SEED],
        encoders=[work.encoder],
        details={"critic": label},
    )
    publish(
        "lira-choice-rated",
        f"{CHOICE_CAPTION}; ratings by {label}",
        CHOICE_COLUMNS,
        choices,
        data="AfriQA, XQuAD",
        seeds=seeds,
        encoders=[work.encoder],
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


def _rated_rows(part: Reported, networks: Sequence[LiraNetwork]) -> list[list[object]]:
    values = [values_of_all(network, part) for network in networks]
    weights = Weights().reward
    ratings = part.rows.ratings
    chosen = {
        "random": np.mean([every.mean(axis=1) for every in values], axis=0),
        "argmax of the cosine (no language model)": chosen_by(
            networks, values, part, lambda n, p: similarities(n, p.rows).argmax(dim=1)
        ),
        "argmax of the ratings (no embedding critic)": chosen_by(
            networks, values, part, lambda n, p: ratings.mean(dim=2).argmax(dim=1)
        ),
        "argmax of the reward": chosen_by(
            networks,
            values,
            part,
            lambda n, p: objectives.reward(ratings, similarities(n, p.rows), weights).argmax(dim=1),
        ),
        "the best of all, by the right document": np.mean([every.max(axis=1) for every in values], axis=0),
    }
    return choice_rows(part, chosen)

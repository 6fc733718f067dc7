"""Builders of training rows: what goes where, and whether draws have the distribution they should."""

import random
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from retriever.alignment.data import Kind, parallel_texts, split_articles
from retriever.alignment.methods.anchoring import AnchoringLoss, anchoring_rows
from retriever.alignment.methods.clear import clear_rows
from retriever.alignment.methods.mnrl import MNRL
from retriever.alignment.methods.weighted import (
    NegativePool,
    draw_entropy,
    label_similarity,
    split_knowledge_base,
    weighted_rows,
)
from retriever.alignment.mining import mine_negatives
from retriever.alignment.sampling import draw_rows
from retriever.data.labelled import LabelledQuery
from retriever.data.pairs import Pair
from retriever.data.squad import ParallelSquad, Question
from retriever.errors import DataError
from retriever.models.encoder import Encoder


def parallel(articles=6, languages=("en", "ro", "th")):
    questions = {
        lang: [Question(f"q{n}", lang, f"question {n} {lang}", f"a{n}", f"a{n}#0") for n in range(articles)]
        for lang in languages
    }
    passages = {lang: {f"a{n}#0": f"passage {n} {lang}" for n in range(articles)} for lang in languages}
    return ParallelSquad(questions, passages)


class HashEncoder(Encoder):
    """Vectors that depend on the text alone; no model."""

    query_prefix, passage_prefix, name, dimensions = "query: ", "passage: ", "hash", 16

    def __init__(self) -> None:
        """Open nothing."""

    def encode_queries(self, texts):
        vectors = np.stack([np.random.default_rng(abs(hash(t)) % 2**32).normal(size=16) for t in texts])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def encode_passages(self, texts, *, progress=False):
        return self.encode_queries(texts)


def test_a_split_keeps_held_out_articles_from_training():
    split = split_articles(parallel(), test=2, dev=1, seed=3)
    parts = [set(part.articles) for part in (split.train, split.dev, split.test)]
    assert [len(part) for part in parts] == [3, 1, 2]
    assert not parts[0] & (parts[1] | parts[2])
    assert len(split.test.passages["en"]) == 6  # the pool stays whole
    trained = {text for rows in split.train.passages.values() for text in rows.values()}
    assert not any(f"passage {a[1:]} {lang}" in trained for a in parts[1] | parts[2] for lang in ("en", "ro", "th"))
    with pytest.raises(DataError, match="too few to hold out"):
        split_articles(parallel(), test=4, dev=2, seed=3)


def test_a_smaller_part_to_train_on_is_within_the_larger_and_leaves_the_held_out_ones_alone():
    whole = split_articles(parallel(articles=9), test=2, dev=1, seed=3)
    parts = [split_articles(parallel(articles=9), test=2, dev=1, seed=3, train=n) for n in (1, 3, 6)]
    assert all(part.test == whole.test and part.dev == whole.dev for part in parts)
    trained = [set(part.train.articles) for part in parts]
    assert [len(articles) for articles in trained] == [1, 3, 6]
    assert trained[0] < trained[1] < trained[2] == set(whole.train.articles)
    assert all(len(part.train.passages["en"]) == len(part.train.articles) for part in parts)
    with pytest.raises(DataError, match="train on 7"):
        split_articles(parallel(articles=9), test=2, dev=1, seed=3, train=7)


def test_languages_are_drawn_with_the_temperature_and_rows_in_rounds():
    rows = [Pair("a", str(n), "") for n in range(900)] + [Pair("b", str(n), "") for n in range(100)]
    drawn = draw_rows(rows, 4000, random.Random(1))
    counts = Counter(row.language for row in drawn)
    # 900 ** .5 : 100 ** .5 is 3 : 1
    assert stats.chisquare([counts["a"], counts["b"]], [3000, 1000]).pvalue > 0.001
    of_b = Counter(row.text for row in drawn if row.language == "b")
    assert max(of_b.values()) - min(of_b.values()) <= 1


def test_anchoring_rows_carry_the_prefix_of_their_role_and_point_at_their_original():
    labelled = [
        LabelledQuery("Wake me", "mujhe jagao", "ALARM", "hi-Latn"),
        LabelledQuery("", "jaldi jagao", "ALARM", "hi-Latn"),
    ]
    texts = parallel_texts(parallel(), [Pair("de", "Ja.", "Yes.")], labelled)
    shares: dict[Kind, float] = {
        "question": 0.5,
        "pair": 0.125,
        "english": 0.125,
        "passage": 0.125,
        "piece": 0.125,
        "name": 0.0,
    }
    rows, objective = anchoring_rows(texts, HashEncoder(), count=400, seed=1, shares=shares)
    assert isinstance(objective, AnchoringLoss)
    assert sum(text.startswith("passage: ") for text in rows["text"]) == 100
    assert {t.text for t in texts if t.kind == "piece"} == {f"passage {n} en" for n in range(6)}
    originals = {("passage: " if t.is_passage else "query: ") + t.text: t for t in texts}
    assert {"query: Ja.", "query: mujhe jagao", "query: Yes."} <= set(rows["text"])
    base_encoder = HashEncoder()
    for row in rows:
        anchor = objective.anchors[row["label"]].numpy()
        np.testing.assert_allclose(anchor, base_encoder.encode_queries([originals[row["text"]].english])[0], atol=1e-6)
    with pytest.raises(DataError, match="no parallel texts"):
        anchoring_rows([], base_encoder, count=1, seed=1, shares={"question": 1.0})


def test_negatives_come_from_the_ranks_asked_for():
    rng = np.random.default_rng(0)
    scores = np.sort(rng.uniform(0.2, 0.9, 200))[::-1]
    anchors = np.eye(1, 200, dtype=np.float32) * 0 + 1
    candidates = np.diag(scores).astype(np.float32)
    seen: Counter[int] = Counter()
    for seed in range(300):
        (chosen,) = mine_negatives(anchors, candidates, [0], [{0}], count=3, rng=random.Random(seed))
        assert len(set(chosen)) == 3
        seen.update(chosen)
    # ranks 50 to 99 of the wrong ones: candidate 0 is right, so candidates 51 to 100
    assert set(seen) == set(range(51, 101))
    assert stats.chisquare(list(seen.values())).pvalue > 0.001


def test_a_small_pool_gives_its_second_half_and_unmarked_positives_are_left_out():
    anchors = np.ones((1, 10), dtype=np.float32)
    candidates = np.diag(np.array([0.9, 0.89, 0.88, 0.5, 0.4, 0.3, 0.2, 0.15, 0.12, 0.1])).astype(np.float32)
    chosen = {
        c for s in range(50) for c in mine_negatives(anchors, candidates, [0], [{0}], count=2, rng=random.Random(s))[0]
    }
    assert chosen == {5, 6, 7, 8, 9}
    near = {
        c
        for s in range(50)
        for c in mine_negatives(anchors, candidates, [0], [{0}], count=2, rng=random.Random(s), ranks=(0, 5))[0]
    }
    assert near == {3, 4, 5}  # 1 and 2 score within 95 % of the positive
    with pytest.raises(ValueError, match="too few"):
        mine_negatives(anchors[:, :2], candidates[:2, :2], [0], [{0}], count=5, rng=random.Random(1))


def test_clear_rows_by_name():
    rows = clear_rows(parallel(), HashEncoder(), count=30, negatives=2, seed=1)
    assert set(rows.column_names) == {
        "query", "passage", "target_query", "negative_passage_1", "negative_passage_2",
        "negative_target_query_1", "negative_target_query_2", "label",
    }  # fmt: skip
    for row in rows:
        number = row["query"].split()[2]
        assert parallel().questions["en"][row["label"]].text == f"question {number} en"
        language = row["target_query"].split()[3]
        assert row["query"] == f"query: question {number} en"
        assert row["passage"] == f"passage: passage {number} en"
        assert language in ("ro", "th")
        for n in (1, 2):
            assert row[f"negative_passage_{n}"].endswith(" en")
            assert row[f"negative_passage_{n}"].split()[2] != number
            assert row[f"negative_target_query_{n}"].endswith(language)
            assert row[f"negative_target_query_{n}"].split()[2] != number
    assert set(MNRL(negatives=2).columns) <= set(rows.column_names)
    with pytest.raises(DataError, match="English and another"):
        clear_rows(parallel(languages=("en",)), HashEncoder(), count=1, negatives=1, seed=1)


def knowledge_base():
    sizes = {"alarm": 30, "alarm delete": 30, "weather": 30, "music": 30}
    return [
        LabelledQuery(f"{label} {n} en", f"{label} {n} hi", label, "hi")
        for label, size in sizes.items()
        for n in range(size)
    ]


def test_the_split_has_every_label_in_the_index():
    index, training = split_knowledge_base(knowledge_base(), 0.3, random.Random(1))
    assert {row.label for row in training} <= {row.label for row in index}
    assert len(index) == 36
    assert len(index) + len(training) == 120
    assert not {row.english for row in index} & {row.english for row in training}
    with pytest.raises(DataError, match="too few"):
        split_knowledge_base(knowledge_base()[:2], 0.3, random.Random(1))


def test_queries_without_an_original_are_trained_on_alone():
    straight = [LabelledQuery("", f"music {n} straight", "music", "hi") for n in range(5)]
    strange = LabelledQuery("", "of a label that the knowledge base lacks", "taxi", "hi")
    index, training = split_knowledge_base([*straight, *knowledge_base(), strange], 0.3, random.Random(1))
    assert not [row for row in index if not row.english]
    assert [row for row in training if not row.english] == straight


WEIGHTS = {"alarm delete": 0.6, "weather": 0.3, "music": 0.1}


SIZES = {"alarm": 4, "alarm delete": 1, "weather": 3, "music": 4}
"""Queries of each label in the index: the nearest label is rare."""


def negative_pool():
    index = [LabelledQuery(f"{label} {n}", "", label, "hi") for label, size in SIZES.items() for n in range(size)]
    return NegativePool.of_label("alarm", index, lambda _, other: WEIGHTS[other])


def draw_many(sampling, times=3000):
    pool, rng = negative_pool(), np.random.default_rng(5)
    return [pool.draw(hard=2, sampling=sampling, rng=rng) for _ in range(times)]


def counted(queries):
    """How often each query of the pool is there."""
    counts = Counter(query.english for query in queries)
    return [counts[query.english] for query in negative_pool().queries]


def test_weighted_negatives_are_queries_drawn_without_replacement_in_proportion():
    draws = draw_many("mixed")
    assert all(len(queries) == 3 and queries[0] != queries[1] for queries in draws)
    assert all(query.label != "alarm" for queries in draws for query in queries)
    weights = np.array([WEIGHTS[query.label] for query in negative_pool().queries])  # .6, .3 each, .1 each: 1.9 in all
    shares = weights / weights.sum()
    assert stats.chisquare(counted(queries[0] for queries in draws), len(draws) * shares).pvalue > 0.001
    # the second, for each first one: the others in proportion
    second = sum(first * np.where(np.arange(8) == n, 0, shares) / (1 - first) for n, first in enumerate(shares))
    assert stats.chisquare(counted(queries[1] for queries in draws), len(draws) * second).pvalue > 0.001
    assert stats.chisquare(counted(queries[2] for queries in draws)).pvalue > 0.001  # the random one


def test_the_other_ways_to_sample():
    nearest = {tuple(query.label for query in queries) for queries in draw_many("hardest", 20)}
    assert nearest == {("alarm delete", "weather", "music")}
    assert stats.chisquare(counted(query for queries in draw_many("random") for query in queries)).pvalue > 0.001
    assert all(len({query.english for query in queries}) == 3 for queries in draw_many("hard", 50))


@pytest.mark.parametrize("sampling", ["mixed", "random", "hard", "hardest"])
def test_a_single_other_query_is_drawn_again(sampling):
    pool = NegativePool.of_label("a", [LabelledQuery("b 1", "", "b", "hi")], lambda *_: 1.0)
    drawn = pool.draw(hard=2, sampling=sampling, rng=np.random.default_rng(1))
    assert [query.english for query in drawn] == ["b 1"] * 3


def test_the_entropy_says_how_much_similarities_change_the_draw():
    shares = np.array([0.6, 0.3, 0.3, 0.3, 0.1, 0.1, 0.1, 0.1]) / 1.9
    assert negative_pool().entropy == pytest.approx(-(shares * np.log(shares)).sum() / np.log(8))
    index = [LabelledQuery(f"{label} {n}", "", label, "hi") for label in "ab" for n in range(2)]
    assert draw_entropy(index, HashEncoder()) == pytest.approx(1)  # one other label: nothing to weigh


def test_weighted_rows_hold_the_label_and_the_roles():
    index, training = split_knowledge_base(knowledge_base(), 0.3, random.Random(1))
    rows, objective = weighted_rows(index, training, HashEncoder(), rounds=2, seed=1)
    assert set(rows.column_names) == {*objective.columns, "label"}
    assert len(rows) == 2 * len(training)
    labels = sorted({row.label for row in index})
    for row in rows:
        label = labels[row["label"]]
        assert row["anchor"].startswith(f"query: {label} ")
        assert row["anchor"].endswith("hi")
        assert row["positive"].rsplit(" ", 2)[0] == f"passage: {label}"
        assert all(row[f"negative_{n}"].rsplit(" ", 2)[0] != f"passage: {label}" for n in (1, 2, 3))


@pytest.mark.slow
def test_labels_that_mean_the_like_are_alike(base_encoder):
    alike = label_similarity(base_encoder, ["CREATE_ALARM", "DELETE_ALARM", "GET_WEATHER", "PLAY_MUSIC"])
    assert alike("CREATE_ALARM", "DELETE_ALARM") > alike("CREATE_ALARM", "GET_WEATHER")
    assert all(0 <= alike("PLAY_MUSIC", other) <= 1 for other in ("CREATE_ALARM", "GET_WEATHER"))

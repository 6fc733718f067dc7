"""The simulation of shards and language groups: figures derived on paper, and that it is the product undistributed."""

import doctest

import numpy as np
import pytest

from benchmarks import simulated_index
from benchmarks.sharding import (
    COLUMNS,
    GROUP_COUNTS,
    SHARDS,
    GroupedSearch,
    ShardedSearch,
    ShardedWordSearch,
    deals,
    group_rows,
    grouped_name,
    library_tasks,
    sharded_name,
    sharding_rows,
    words_name,
)
from benchmarks.simulated_index import OTHERS, SimulatedIndex, Texts, deal, document
from retriever.data.squad import ParallelSquad, Question
from retriever.evaluation import Evaluation, HybridSearch, Task
from retriever.evaluation.metrics import Run
from retriever.evaluation.tasks import Text, squad_tasks

POOL = {
    "Cat#0@en": Text("a cat", "en"),
    "Cat#1@en": Text("a cat again", "en"),
    "Dog#0@en": Text("a dog", "en"),
    "Hund#0@de": Text("ein Hund", "de"),
}


VECTORS = {
    id_: np.array(vector, dtype=np.float32)
    for id_, vector in zip(POOL, [(1, 0), (0.8, 0.6), (0.6, 0.8), (0, 1)], strict=True)
}


def test_the_examples_in_the_docstrings_are_right():
    assert doctest.testmod(simulated_index).failed == 0


@pytest.mark.parametrize("shards", [1, 2, 3, 5])
def test_every_passage_is_dealt_once_and_documents_stay_whole(shards):
    dealt = deal(POOL, shards, seed=1)
    assert len(dealt) == shards
    assert sorted(id_ for shard in dealt for id_ in shard) == sorted(POOL)
    documents = [{document(id_) for id_ in shard} for shard in dealt]
    assert sum(map(len, documents)) == len(set().union(*documents)) == 3


def test_a_shard_counts_words_by_itself():
    """The IDF of "dog", ln(1 + (N - n + .5) / (n + .5)), is ln(8 / 3) among three passages and ln(4 / 3) alone."""
    pool = {id_: text for id_, text in POOL.items() if text.language == "en"}
    cats = {id_: text for id_, text in pool.items() if id_.startswith("Cat")}
    dogs = {id_: text for id_, text in pool.items() if id_.startswith("Dog")}
    whole, sharded = (SimulatedIndex(VECTORS, shards) for shards in ([pool], [cats, dogs]))
    length = 2 / (7 / 3)  # of the dog, in means of its shard; 1 where it is alone
    score = np.log(8 / 3) / (1 + 1.5 * (0.25 + 0.75 * length))
    assert dict(whole.matching("dog", 5)) == pytest.approx({"Dog#0@en": score})
    assert dict(sharded.matching("dog", 5)) == pytest.approx({"Dog#0@en": np.log(4 / 3) / 2.5})
    assert [id_ for id_, _ in sharded.matching("a", 2)] == ["Dog#0@en", "Cat#0@en"]


def test_groups_are_searched_as_the_retriever_asks_for_them():
    index = SimulatedIndex(VECTORS, [POOL], apart=["de"])
    assert index.languages() == {OTHERS: 3, "de": 1}
    vector = VECTORS["Cat#0@en"]
    assert index.nearest(vector, 2) == [("Cat#0@en", 1.0), ("Cat#1@en", pytest.approx(0.8))]
    assert index.nearest(vector, 2, {"language": "de"}) == [("Hund#0@de", 0.0)]
    assert [id_ for id_, _ in index.nearest(vector, 5, {"language": OTHERS})] == ["Cat#0@en", "Cat#1@en", "Dog#0@en"]


def test_articles_with_questions_are_in_one_language_each():
    passages = {f"{title}#0": title for title in ("Danube", "Bologna", "Rome")}
    questions = {
        code: [Question(title, code, f"{title}?", title, f"{title}#0") for title in ("Danube", "Bologna")]
        for code in ("en", "ro")
    }
    tasks = library_tasks(ParallelSquad(questions, {"en": passages, "ro": passages}))
    assert list(tasks[0].passages) == ["Danube#0@en", "Rome#0@en", "Bologna#0@ro", "Rome#0@ro"]
    assert all(task.qrels == {"Danube": {"Danube#0@en": 1}, "Bologna": {"Bologna#0@ro": 1}} for task in tasks)


class Finding:
    """A system that finds the right passage of each of the first questions, and of the others nothing."""

    def __init__(self, name: str, right: int) -> None:
        self.name = name
        self._right = right

    def rank(self, task: Task) -> Run:
        return {query: dict.fromkeys(rows, 1.0) for query, rows in list(task.qrels.items())[: self._right]}


def test_the_tables_tell_what_is_lost_in_the_mean_of_the_deals():
    """Of four questions one shard finds four, its words two; sixteen shards find 3, 2 and 1: two in the mean."""
    questions = {"en": [Question(f"q{n}", "en", f"{n}?", f"a{n}", f"a{n}#0") for n in range(4)]}
    squad = ParallelSquad(questions, {"en": {f"a{n}#0": str(n) for n in range(4)}})
    systems = [
        system
        for shards in SHARDS
        for seed in deals(shards)
        for system in (
            Finding(sharded_name(shards, seed), 4 - seed if shards == 16 else 4),
            Finding(words_name(shards, seed), 2),
        )
    ]
    rows = sharding_rows(Evaluation(systems, squad_tasks(squad, ("L-en",))))
    assert [row[:2] for row in rows] == [["L-en", 1], ["L-en", 2], ["L-en", 4], ["L-en", 16]]
    assert [row[2] for row in rows] == pytest.approx([1, 1, 1, 0.5])
    assert rows[0][8] is None
    assert [row[8] for row in rows[1:]] == pytest.approx([0, 0, 0.5])
    assert [row[-1] for row in rows] == [0.5] * 4
    assert {len(row) for row in rows} == {len(COLUMNS) + 3}

    groups: list[int | None] = [*GROUP_COUNTS, None]
    systems = [Finding(grouped_name(count, is_shallow=s), 3 if s else 4) for count in groups for s in (False, True)]
    rows = group_rows(Evaluation(systems, library_tasks(squad)))
    assert [row[:2] for row in rows] == [[count or "own", depth] for count in groups for depth in (30, 10)]
    assert [row[8] for row in rows] == [None, 0.25, *[0.0, 0.25] * 4]


@pytest.mark.slow
def test_one_shard_and_a_group_for_each_language_are_the_product(encoder):
    """The same hits in the same order as a library on disk has them."""
    subjects = ["bridge", "river", "mountain", "castle", "school", "harbour", "forest", "market", "island", "museum"]
    passages = {
        f"{code}{number}#0": template.format(subject)
        for code, template in (("a", "The {} was opened in 1901."), ("b", "Nobody lives near the {} any more."))
        for number, subject in enumerate(subjects)
    }
    questions = {
        "en": [
            Question(f"q{number}", "en", f"When was the {subject} opened?", f"a{number}", f"a{number}#0")
            for number, subject in enumerate(subjects[:3])
        ]
    }
    task = squad_tasks(ParallelSquad(questions, {"en": passages}), ("L-en",))[0]
    texts = Texts(encoder, task.passages)
    product = HybridSearch(encoder).rank(task)
    for system in (ShardedSearch(texts, 1, seed=1), GroupedSearch(texts, 8, is_shallow=False)):
        run = system.rank(task)
        assert {query: list(hits) for query, hits in run.items()} == {
            query: list(hits) for query, hits in product.items()
        }
        for query, hits in run.items():
            assert hits == pytest.approx(product[query], abs=1e-3)
    assert ShardedWordSearch(texts, 2, seed=1).rank(task).keys() == product.keys()

"""Tasks of the benchmark of low-resource languages, and stages of search over one index."""

import doctest

from benchmarks import languages
from benchmarks.languages import article_task
from benchmarks.low_resource import RARE, Pieces, afriqa_tasks, by_people, first_queries, rare_pairs, sib200_tasks
from benchmarks.shared_index import shared_stages
from benchmarks.stages import stages
from retriever.alignment.data import ParallelText
from retriever.data.afriqa import AfriqaQuestion
from retriever.data.pairs import Pair
from retriever.data.squad import ParallelSquad, Question
from retriever.evaluation import Evaluation
from retriever.evaluation.tasks import squad_tasks

QUESTIONS = [
    AfriqaQuestion("yo", "Ta ni?", "Who?", "A", "Danube"),
    AfriqaQuestion("zu", "Nini?", "When?", "B", "Bologna"),
    AfriqaQuestion("yo", "Nibo?", "Where?", "A", "Danube"),
]
SENTENCES = {
    "en": {"1": "The Danube flows into the Black Sea.", "2": "The university is old.", "3": "It rains."},
    "sw": {"1": "Mto Danube unaingia Bahari Nyeusi.", "2": "Chuo kikuu ni cha zamani.", "3": "Inanyesha."},
}


def test_the_examples_in_the_docstrings_are_right():
    assert doctest.testmod(languages).failed == 0


def test_questions_search_the_passages_of_all_languages_and_are_one_with_their_translation():
    yoruba, zulu = afriqa_tasks(QUESTIONS)
    assert yoruba.passages == zulu.passages
    assert len(yoruba.passages) == 2
    assert set(map(tuple, yoruba.qrels.values())) == {("0",)}
    assert [query.text for query in by_people(yoruba).queries.values()] == ["Who?", "Where?"]
    assert {yoruba.question(id_) for id_ in yoruba.queries} == {"Who?", "Where?"}
    first = first_queries(yoruba, 1)
    assert list(first.queries) == list(first.qrels) == list(first.originals or {}) == ["yo-0"]


def test_pairs_that_were_trained_on_in_any_language_are_left_out():
    pairs = [Pair("sw", f"s{n}", f"e{n}") for n in range(3)] + [Pair("af", f"a{n}", f"f{n}") for n in range(RARE)]
    trained = [ParallelText("sw", "s0", "x", "pair"), ParallelText("th", "y", "e1", "pair")]
    assert rare_pairs([*pairs, Pair("th", "t", "u")], trained) == [pairs[2]]


def test_stages_over_one_index_find_what_stages_of_their_own_find(encoder):
    tasks = sib200_tasks(SENTENCES, ["1", "2"])
    shared = Evaluation(shared_stages(encoder), tasks)
    apart = Evaluation(stages(encoder, "aligned"), tasks)
    for one, other in zip(shared.systems, apart.systems, strict=True):
        ranking, other_ranking = (
            {query: list(hits) for query, hits in evaluation.runs[name, "L-en", "sw"].items()}
            for evaluation, name in ((shared, one), (apart, other))
        )
        assert ranking == other_ranking, one


def test_pieces_are_counted_by_word_and_by_piece_of_the_original(encoder):
    pieces = Pieces(encoder.folder)
    (task,) = sib200_tasks({"en": {"1": "the university"}, "sw": {"1": "the university"}}, ["1"])
    a_word, an_original = pieces.cells(task)
    assert a_word == pieces.count(["the university"]) / 2
    assert an_original == 1
    (thai,) = sib200_tasks({"en": {"1": "the university"}, "th": {"1": "มหาวิทยาลัย"}}, ["1"])
    assert pieces.cells(thai)[0] is None


def test_all_passages_of_the_right_article_are_relevant_to_peer():
    squad = ParallelSquad(
        {code: [Question("q", code, "?", "Danube", "Danube#0")] for code in ("en", "ro")},
        {code: {"Danube#0": "a", "Danube#1": "b", "Bologna#0": "c"} for code in ("en", "ro")},
    )
    task = article_task(squad_tasks(squad, ("mixed",))[0])
    assert sorted(task.qrels["q"]) == ["Danube#0@en", "Danube#0@ro", "Danube#1@en", "Danube#1@ro"]

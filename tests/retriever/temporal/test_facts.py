"""Facts for questions about time: what may be asked of them, and who is asked about."""

import random

import pytest

from retriever.errors import DataError
from retriever.temporal.arithmetic import format_month
from retriever.temporal.facts import (
    fact_sentence,
    facts_from_questions,
    names_month,
    questions_within,
    sentences_by_subject,
    split_around_facts,
)
from retriever.temporal.questions import Fact, FactQuery, TemporalQuestion, read_facts, read_questions
from retriever.types import Month


def fact(name, start, end, subject="Ana"):
    return Fact(subject, "employer", name, Month(*start), Month(*end))


def test_months_are_asked_for_that_no_fact_names():
    facts = [
        fact("Alpha", (1990, 1), (1990, 6)),
        fact("Beta", (1990, 3), (1990, 4)),
        fact("Gamma", (1991, 1), (1991, 2)),
    ]
    months = set()
    for seed in range(60):
        (question,) = questions_within(facts, random.Random(seed))  # Beta's and Gamma's months are all named
        assert question.answers == ("Alpha",)
        months.add(question.content.when)
    assert months == {Month(1990, 2), Month(1990, 5)}


def test_the_answers_are_all_objects_of_the_month():
    facts = [fact("Alpha", (1990, 1), (1990, 6)), fact("Beta", (1989, 1), (1992, 1))]
    alpha, beta = questions_within(facts, random.Random(1))
    assert set(alpha.answers) == {"Alpha", "Beta"}
    is_of_alpha = names_month(beta, [format_month(Month(1990, number), "en") for number in range(1, 7)])
    assert set(beta.answers) == ({"Alpha", "Beta"} if is_of_alpha else {"Beta"})


def test_where_there_is_nothing_to_look_up_nothing_is_asked():
    assert not questions_within([fact("Alpha", (1990, 1), (1995, 6))], random.Random(1))


def test_a_text_names_the_month():
    question = TemporalQuestion("1", FactQuery("employer", "Ana", Month(1990, 5)), ("Alpha",))
    assert names_month(question, [fact_sentence(fact("Alpha", (1990, 5), (1991, 1)))])
    assert not names_month(question, [fact_sentence(fact("Alpha", (1990, 4), (1991, 5)))])


def test_half_of_the_subjects_have_facts_and_none_is_in_the_pool():
    facts = [
        fact(f"Firm {part}", (start, 1), (start + 5, 1), subject=f"Person {n}")
        for n in range(10)
        for part, start in (("a", 1980), ("b", 1990))
    ]
    questions = [
        TemporalQuestion(f"{n}-{year}", FactQuery("employer", f"Person {n}", Month(year, 1)), ("x",))
        for n in range(10)
        for year in (1980, 1985, 1990, 1995)
    ]
    split, asked_facts = split_around_facts(questions, facts, pool=100, questions=100)
    asked = {question.content.subject for question in split.questions}
    assert asked == {one.subject for one in asked_facts}
    assert len(asked) == 5
    assert len(split.questions) == 10
    assert {question.content.subject for question in split.pool} == {f"Person {n}" for n in range(10)} - asked
    assert len(split.pool) == 20
    with pytest.raises(DataError, match="0 facts leave no month to ask for"):
        split_around_facts(questions, [], pool=100, questions=100)


def test_tempreasons_facts_do_not_name_what_is_asked(data):
    questions = read_questions(data / "tempreason")
    split, facts = split_around_facts(questions, facts_from_questions(questions), pool=1200, questions=40)
    asked = [question for question in split.questions if question.task == "l2"]
    sentences = sentences_by_subject(facts)
    assert len(asked) == 40
    assert not any(names_month(question, sentences[question.content.subject]) for question in asked)
    assert not {question.content.subject for question in split.pool if question.task != "l1"} & set(sentences)


def test_facts_of_a_file_are_read_as_they_are(tmp_path):
    row = '{"subject": "Ana", "relation": "employer", "object": "Alpha", "from": "1990-05", "to": "1992-03"}\n'
    (tmp_path / "own.jsonl").write_text(row, encoding="utf-8")
    assert read_facts(tmp_path) == [fact("Alpha", (1990, 5), (1992, 3))]
    (tmp_path / "own.jsonl").write_text(row + row.replace("1992-03", "1989-03"), encoding="utf-8")
    with pytest.raises(DataError, match=r"own\.jsonl, row 2: no fact \(from 1990-05 is after"):
        read_facts(tmp_path)
    (tmp_path / "own.jsonl").write_text('{"question": "When?", "answers": []}\n', encoding="utf-8")
    assert read_facts(tmp_path) == []

import json
import random
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retriever.errors import DataError
from retriever.temporal.arithmetic import languages
from retriever.temporal.questions import (
    Fact,
    FactQuery,
    Neighbour,
    TemporalQuestion,
    parse_question,
    questions_from_facts,
    read_multilingual,
    read_questions,
    read_tempreason,
    templates,
    write_multilingual,
    write_question,
)
from retriever.types import Month

RELATIONS = sorted(templates("en").relations)
NAMES = st.sampled_from(
    ["Glynn Snodin", "HNK Rijeka", "Université de Rennes 2", "李白", "الأهلي", "Ţara Bârsei", "F.C. 08"]
)
MONTHS = st.builds(Month, st.integers(1000, 2100), st.integers(1, 12))
WHENS = MONTHS | st.builds(Neighbour, NAMES, st.booleans())


def test_languages_and_relations():
    required = {"en", "ro", "de", "fr", "es", "it", "ru", "hi", "ar", "th", "vi", "zh", "sw"}
    folder = files("retriever").joinpath("temporal", "templates")
    assert required <= set(languages()) == {entry.name.removesuffix(".toml") for entry in folder.iterdir()}
    assert len(RELATIONS) == 10
    for language in languages():
        texts = templates(language)
        assert sorted(texts.relations) == RELATIONS
        assert all("$subject" in text and "$when" in text for text in texts.relations.values())
        assert len(set(texts.relations.values())) == 10
        assert all("$reference" in text for text in (texts.before, texts.after))
        assert "$year" in texts.at


@pytest.mark.parametrize("language", languages())
@settings(max_examples=150)
@given(relation=st.sampled_from(RELATIONS), subject=NAMES, when=WHENS)
def test_every_written_question_is_parsed_back(language, relation, subject, when):
    query = FactQuery(relation, subject, when)
    question = write_question(query, language)
    assert "$" not in question
    assert parse_question(question, language) == query


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("ro", "Pentru ce echipă a jucat Glynn Snodin în noiembrie 1978?"),
        ("de", "Für welches Team spielte Glynn Snodin im November 1978?"),
        ("ru", "В какой команде играл(а) Glynn Snodin по состоянию на ноябрь 1978 года?"),
        ("hi", "नवंबर 1978 में Glynn Snodin किस टीम के लिए खेलते थे?"),
        ("ar", "لأي فريق كان يلعب Glynn Snodin في نوفمبر 1978؟"),
        ("th", "Glynn Snodin เล่นให้ทีมใดในพฤศจิกายน 1978"),
        ("zh", "Glynn Snodin在1978年11月效力于哪支球队？"),
    ],
)
def test_the_wording(language, question):
    assert write_question(FactQuery("played_for", "Glynn Snodin", Month(1978, 11)), language) == question


def test_other_questions_are_none_of_these():
    for question in ("When was the university founded?", "Who was the mayor of Cluj?", ""):
        assert parse_question(question, "en") is None
    assert parse_question("Kiam?", "eo") is None


@pytest.mark.parametrize("task", ["l2", "l3"])
def test_english_is_tempreasons_own_wording(data, task):
    path = data / "tempreason" / f"test_{task}.jsonl"
    originals = [json.loads(line)["question"] for line in path.read_text(encoding="utf-8").splitlines()]
    questions = read_tempreason(path)
    assert [write_question(question.content, "en") for question in questions] == originals
    assert {question.task for question in questions} == {task}


def test_a_round_trip_through_the_public_format(tmp_path, data):
    questions = read_tempreason(data / "tempreason" / "test_l3.jsonl")[:50]
    for language in ("ro", "hi", "ar", "th", "zh"):
        write_multilingual(questions, language, tmp_path / "rows.jsonl")
        rows = read_multilingual(tmp_path / "rows.jsonl")
        assert [parse_question(text, language) for text, _ in rows] == [q.content for q in questions]
        assert [answers for _, answers in rows] == [q.answers for q in questions]


def test_months_of_answers_are_written_in_the_language(tmp_path, data):
    questions = read_tempreason(data / "tempreason" / "test_l1.jsonl")[:3]
    write_multilingual(questions, "ro", tmp_path / "rows.jsonl")
    assert [q.answers for q in questions][1] == ("Mar, 1249",)
    assert read_multilingual(tmp_path / "rows.jsonl")[1][1] == ("martie 1249",)


FACTS = [
    Fact("Ana", "employer", "Alpha", Month(1990, 5), Month(1992, 4)),
    Fact("Ana", "employer", "Beta", Month(1992, 4), Month(1995, 1)),
    Fact("Ana", "employer", "Gamma", Month(1995, 2), Month(1999, 12)),
    Fact("Ana", "party", "Reds", Month(1990, 5), Month(1990, 5)),
]


def test_questions_are_made_from_a_file_of_facts(tmp_path):
    rows = [
        {"subject": "Ana", "relation": "employer", "object": "Alpha", "from": "1990-05", "to": "1992-03"},
        {"subject": "Ana", "relation": "employer", "object": "Beta", "from": "1992-04", "to": "1995"},
    ]
    path = tmp_path / "facts.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    questions = read_questions(path)
    assert [question.task for question in questions] == ["l2", "l2", "l3", "l3"]
    assert {question.answers for question in questions} == {("Alpha",), ("Beta",)}
    assert write_question(questions[2].content, "ro") == "Pentru ce angajator a lucrat Ana înainte de Beta?"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"relation": "knows"}, "row 1: .*unknown relation 'knows'; there are played_for"),
        ({"from": "May 1990"}, "row 1: .*is no period"),
        ({"from": "1999", "to": "1990"}, "row 1: .*from 1999 is after to 1990"),
        ({"to": None}, "row 1: .*is no period"),
    ],
)
def test_a_fact_with_a_fault_is_named(tmp_path, change, complaint):
    row = {"subject": "Ana", "relation": "employer", "object": "Alpha", "from": "1990-05", "to": "1992-03"}
    path = tmp_path / "facts.jsonl"
    path.write_text(json.dumps(row | change), encoding="utf-8")
    with pytest.raises(DataError, match=complaint):
        read_questions(path)


def test_questions_from_facts():
    questions = questions_from_facts(FACTS, random.Random(1))
    neighbours = {q.content: q.answers for q in questions if q.task == "l3"}
    assert neighbours == {
        FactQuery("employer", "Ana", Neighbour("Beta", after=False)): ("Alpha",),
        FactQuery("employer", "Ana", Neighbour("Alpha", after=True)): ("Beta",),
        FactQuery("employer", "Ana", Neighbour("Gamma", after=False)): ("Beta",),
        FactQuery("employer", "Ana", Neighbour("Beta", after=True)): ("Gamma",),
    }
    times = [q for q in questions if q.task == "l2"]
    assert len(times) == len(FACTS)
    for question, fact in zip(times, FACTS, strict=True):
        assert isinstance(question.content.when, Month)
        assert fact.start <= question.content.when <= fact.end
        assert fact.object in question.answers
    both = TemporalQuestion("x", FactQuery("employer", "Ana", Month(1992, 4)), ("Alpha", "Beta"))
    answers = [
        q.answers
        for seed in range(40)
        for q in questions_from_facts(FACTS, random.Random(seed))
        if q.content == both.content
    ]
    assert set(answers) == {both.answers}


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), min_size=2, max_size=8, unique_by=lambda row: row[0])
)
def test_before_undoes_after(spans):
    facts = [
        Fact("S", "owner", f"O{n}", Month(1900, 1) + start, Month(1900, 1) + (start + length))
        for n, (start, length) in enumerate(spans)
    ]
    answers = {q.content: q.answers for q in questions_from_facts(facts, random.Random(1)) if q.task == "l3"}
    assert len(answers) == 2 * (len(facts) - 1)
    for content, (answer,) in answers.items():
        back = FactQuery("owner", "S", Neighbour(answer, after=not content.when.after))
        assert answers[back] == (content.when.reference,)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"relation": "friend", "subject": "S", "time": "May, 1990", "answers": []}', "row 1.*unknown relation"),
        ('{"relation": "owner", "subject": "S", "time": "1990", "answers": []}', "row 1"),
        ('{"relation": "owner", "subject": "S", "direction": "beside", "reference": "R", "answers": []}', "beside"),
        ('{"question": "Who?", "answers": []}', "asks for no month"),
    ],
)
def test_bad_files(tmp_path, line, complaint):
    path = tmp_path / "rows.jsonl"
    path.write_text(line)
    with pytest.raises(DataError, match=complaint):
        read_tempreason(path)
    path.write_text('{"question": 3}')
    with pytest.raises(DataError, match="expected question and text_answers"):
        read_multilingual(path)

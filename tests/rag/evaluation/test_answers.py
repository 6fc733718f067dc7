"""`isthmus eval answers`: data in three forms, scores worked out on paper, runs that go on where they were."""

import json
import math
from dataclasses import replace

import pytest

from rag.errors import GeneratorError
from rag.evaluation.answer_data import AnswerData, AnswerQuestion, draw_questions, read_answer_data
from rag.evaluation.answer_report import COLUMNS, AnswerReport
from rag.evaluation.answer_results import AnswerItem, AnswerPlan, CitedPassage
from rag.evaluation.answer_run import run_answers
from rag.evaluation.answer_scores import AnswerScores, detect_among, score_answer, trigram_recall
from rag.types import Answer, Citation
from retriever.errors import DataError
from retriever.types import Passage

DANUBE = "The Danube is 2,850 kilometres long."
BOLOGNA = "The University of Bologna was founded in 1088."


def squad(folder):
    """Two articles in English and Romanian."""
    rows = {
        "en": [("How long is the Danube?", "2,850 kilometres", DANUBE), ("When was it founded?", "1088", BOLOGNA)],
        "ro": [
            ("Cât de lungă este Dunărea?", "2.850 de kilometri", "Dunărea are 2.850 de kilometri."),
            ("Când a fost fondată?", "1088", "Universitatea a fost fondată în 1088."),
        ],
    }
    folder.mkdir()
    for language, questions in rows.items():
        articles = []
        for number, (question, answer, text) in enumerate(questions):
            qa = {"id": f"q{number}", "question": question, "answers": [{"text": answer}]}
            articles.append({"title": f"T{number}", "paragraphs": [{"context": text, "qas": [qa]}]})
        (folder / f"mini.{language}.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    return folder


def test_recall_counts_trigrams_within_words():
    assert trigram_recall("abcd", "abcd") == 1
    assert trigram_recall("abc", "abcd") == 0.5  # abc, not bcd
    assert trigram_recall("ab cd", "abcd") == 0  # never across words
    assert trigram_recall("वर्ष १०८८ में", "1088") == 1
    assert trigram_recall("", "1088") == 0


def answer(text, *passages, abstained=False):
    citations = tuple(
        Citation(number, Passage(str(number), "d", "T", passage, None, 0, len(passage), "en"), 0, 5, 1.0)
        for number, passage in enumerate(passages, 1)
    )
    return Answer(text, "ro", citations, abstained=abstained)


def test_the_scores_of_an_answer():
    in_romanian = answer("Universitatea a fost fondată în anul 1088. [1]", BOLOGNA, DANUBE)
    scores = score_answer(in_romanian, ["1088"], BOLOGNA, "ro", ["ro", "de"])
    assert scores == AnswerScores(1.0, True, (True, False))
    assert score_answer(answer("1088 [1]", DANUBE), ["1088"], None, "ro", ["ro"]) == AnswerScores(1.0, None, ())
    refused = answer("Documentele nu conțin răspunsul.", BOLOGNA, abstained=True)
    assert score_answer(refused, ["1088"], BOLOGNA, "ro", ["ro"]) == AnswerScores(0.0, None, ())


def test_names_and_quotations_say_nothing_of_the_language():
    assert detect_among("The University of Bologna was founded by students.", ["ro", "de"]) == "en"
    assert detect_among("În documentele noastre scrie: „founded by students in the city”.", ["ro", "de"]) == "ro"
    assert detect_among("Peyton Manning", ["ro", "de"]) is None


def test_squad_has_the_golds_of_both_languages(tmp_path):
    data = read_answer_data(squad(tmp_path / "data"), ["ro"])
    assert data.languages == ["ro"]
    assert data.passages == [DANUBE, BOLOGNA]
    golds = ("2.850 de kilometri", "2,850 kilometres")
    assert data.questions[0] == AnswerQuestion("q0", "ro", "Cât de lungă este Dunărea?", golds, DANUBE)
    with pytest.raises(DataError, match="no file for hi"):
        read_answer_data(tmp_path / "data", ["hi"])


def test_afriqa_is_asked_twice_and_gaps_are_left_out(tmp_path):
    row = {
        "id": 7,
        "question_lang": "Yaushe?",
        "question_translated": "When?",
        "context": BOLOGNA,
        "answer_pivot": {"text": ["1088"]},
        "answer_lang": "a 1088",
    }
    lines = [
        row,
        {**row, "context": None},
        {**row, "question_translated": ""},
        {**row, "question_translated": math.nan, "answer_lang": math.nan},
        {**row, "answer_pivot": {"text": [math.nan]}},
    ]
    (tmp_path / "hau.dev.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    data = read_answer_data(tmp_path)
    assert [(q.language, q.text, q.golds) for q in data.questions] == [
        ("ha", "Yaushe?", ("a 1088", "1088")),
        ("en", "When?", ("1088",)),
        ("ha", "Yaushe?", ("a 1088", "1088")),
        ("ha", "Yaushe?", ("1088",)),
    ]
    assert data.passages == [BOLOGNA]


def test_lines_of_ones_own(tmp_path):
    file = tmp_path / "own.jsonl"
    file.write_text('{"question": "Wie lang ist die Donau?", "answers": ["2850 km"]}\n', encoding="utf-8")
    (question,) = read_answer_data(file).questions
    assert (question.language, question.golds, question.passage) == ("de", ("2850 km",), None)
    for bad in ('{"question": "Who?"}', '{"question": "", "answers": []}', "[1]", "{"):
        file.write_text(bad, encoding="utf-8")
        with pytest.raises(DataError, match="line 1: not a question such as"):
            read_answer_data(file)
    with pytest.raises(DataError, match="holds no questions"):
        read_answer_data(tmp_path / "nowhere")


def test_questions_that_cannot_be_answered_lose_their_passage_and_take_it_from_the_others():
    questions = [
        AnswerQuestion(f"q{number}", language, "?", ("a",), f"passage {number // 2}")
        for language in ("en", "ro")
        for number in range(10)
    ]
    data = AnswerData(questions, [f"passage {number}" for number in range(5)])
    drawn, unanswerable = draw_questions(data, 3, 1, seed=1)
    (lost,) = {q.passage for q in drawn.questions if q.id in unanswerable}
    assert lost not in drawn.passages
    assert len(drawn.passages) == 4
    assert all(q.passage != lost for q in drawn.questions if q.id not in unanswerable)
    by_language = [(q.language, q.id in unanswerable) for q in drawn.questions]
    assert [by_language.count((lang, hard)) for lang in ("en", "ro") for hard in (False, True)] == [3, 1, 3, 1]
    assert draw_questions(data, 3, 1, seed=1) == (drawn, unanswerable)
    with pytest.raises(DataError, match="too few"):
        draw_questions(data, 3, 10, seed=1)
    with pytest.raises(DataError, match="needs to name its passage"):
        draw_questions(AnswerData([AnswerQuestion("q", "en", "?", ("a",), None)], []), 1, 1, seed=1)


def test_questions_without_answers_come_beside_the_others_and_are_not_answerable(tmp_path):
    file = tmp_path / "own.jsonl"
    lines = ['{"question": "Where is it?", "answers": ["here"], "language": "en"}'] * 3
    lines += ['{"question": "Where is Atlantis?", "answers": [], "language": "en"}'] * 3
    file.write_text("\n".join(lines), encoding="utf-8")
    drawn, unanswerable = draw_questions(read_answer_data(file), 2, 0, seed=1)
    asked = [(question.text, question.id in unanswerable) for question in drawn.questions]
    assert sorted(asked) == [("Where is Atlantis?", True)] * 2 + [("Where is it?", False)] * 2


def item(recall, abstained=False, is_answerable=True, in_language=True, error=None, answer="answer"):
    scores = None if error else AnswerScores(recall, in_language, () if abstained else (recall > 0.5,))
    source = (CitedPassage("T", "quote"),)
    return AnswerItem(
        f"q{recall}", "ro", "?", ("<b>gold</b>",), is_answerable, answer, abstained, source, scores, 2.0, error
    )


def test_the_table_and_the_page(tmp_path):
    items = [
        item(1.0, answer="În documente scrie: „gold”. [1]"),
        item(0.2, in_language=False),
        item(0.0, abstained=True, in_language=None),
        item(0.0, error="The generator failed."),
        item(0.0, abstained=True, is_answerable=False, in_language=None),
        item(0.0, is_answerable=False),
        replace(item(0.0, abstained=True, is_answerable=False, in_language=None), golds=()),
    ]
    report = AnswerReport(AnswerPlan("mini", ("ro",), 4, 2, 1), items)
    ro, total, without, nowhere = (dict(zip(COLUMNS, row, strict=True)) for row in report.table())
    assert ro == {
        "questions": "ro",
        "n": 3,
        "recall": pytest.approx(0.4),
        "answered": pytest.approx(2 / 3),
        "wrong of these": 0.5,
        "quoted of these": 0.5,
        "in the language": 0.5,
        "citations right": 0.5,
        "failed": 1,
        "median s": 2.0,
    }
    assert {**total, "questions": "ro"} == ro
    assert (without["n"], without["answered"]) == (2, 0.5)
    assert (nowhere["questions"], nowhere["n"], nowhere["answered"]) == ("without an answer", 1, 0.0)
    report.save(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;gold&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "(refused) answer" in page
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["rows"][0][0] == "ro"
    assert AnswerItem.from_json(items[0].to_json()) == items[0]
    assert AnswerItem.from_json(items[3].to_json()) == items[3]


def test_a_run_goes_on_where_it_was(tmp_path, settings, fake_encoder, scripted):
    data = read_answer_data(squad(tmp_path / "data"))
    folder = tmp_path / "run"
    reply = "It was founded in 1088."

    def run(engine, languages=("en", "ro")):
        plan = AnswerPlan("mini", languages, 2, 0, 1)
        own = settings.model_copy(update={"rerank": "off"})
        return run_answers(plan, data, settings=own, folder=folder, encoder=fake_encoder, engine=engine)

    assert run(scripted(reply, reply, reply, GeneratorError("The generator failed."))).table()[-1][1] == 3
    with (folder / "items.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "cut')
    second = scripted(reply)
    assert run(second).table()[-1][1] == 4
    assert not second.replies
    with pytest.raises(DataError, match="another evaluation"):
        run(second, languages=("en",))

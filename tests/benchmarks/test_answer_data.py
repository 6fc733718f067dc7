import pytest

from benchmarks.answer_data import subject, with_another_subject
from rag.evaluation.answer_data import AnswerData, AnswerQuestion

CANAL = "The Panama Canal was opened in 1914. In 1903 Panama became a state."
TOWER = "Gustave Eiffel built the tower."


def question(id_, language, text, passage):
    return AnswerQuestion(id_, language, text, ("gold",), passage)


@pytest.mark.parametrize(
    ("text", "passage", "found"),
    [
        ("What happened in 1914?", CANAL, "1914"),
        ("What happened in 1915?", CANAL, None),
        ("What happened in 1903-14?", CANAL + " 1903-14", None),
        ("What did Gustave Eiffel build?", TOWER, "Gustave Eiffel"),
        ("Panama Canal: when?", CANAL, None),
    ],
)
def test_the_subject_stands_in_question_and_passage(text, passage, found):
    assert subject(question("q", "en", text, passage)) == found


def test_a_year_becomes_an_earlier_one_and_a_name_a_strangers_in_every_translation():
    data = AnswerData(
        [
            question("year", "en", "What happened in 1914?", CANAL),
            question("year", "th", "เกิดอะไรขึ้นในปี 1914", CANAL),
            question("name", "en", "What did Gustave Eiffel build?", TOWER),
            question("name", "ro", "Ce a construit Gustave Eiffel?", TOWER),
            question("name", "ru", "Что построил Гюстав Эйфель?", TOWER),
        ],
        [CANAL, TOWER],
    )
    exchanged = with_another_subject(data, ["Panama Canal", "Ada Obi"], 5, seed=1)
    assert {(each.id, each.language): each.text for each in exchanged} == {
        ("year-other", "en"): "What happened in 1902?",  # 1903 stands in a passage
        ("year-other", "th"): "เกิดอะไรขึ้นในปี 1902",
        ("name-other", "en"): "What did Ada Obi build?",
        ("name-other", "ro"): "Ce a construit Ada Obi?",
    }
    assert all(each.golds == () and each.passage is None for each in exchanged)
    assert len(with_another_subject(data, ["Ada Obi"], 1, seed=1)) == 3

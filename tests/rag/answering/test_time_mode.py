import datetime
from types import SimpleNamespace

import pytest

from rag.answering import time_mode
from rag.answering.time_mode import calendar_answer, parse_as_of, question_timing, today_in
from retriever.errors import IsthmusError
from retriever.types import Month, Period, Timing

MAY_1990 = Month(1990, 5)


def test_calendar_arithmetic_is_answered_in_the_answers_language(fake_encoder):
    # October 1241 and 7 years and 5 months: 1241 + 7 = 1248, October + 5 = March of the next year.
    question = "Ce dată este la 7 ani și 5 luni după octombrie 1241?"
    assert calendar_answer(question, "ro", "ro", fake_encoder).startswith("martie 1249")
    assert calendar_answer(question, "ro", "de", fake_encoder).startswith("März 1249")
    assert calendar_answer(question, "ro", "fi", fake_encoder) == (
        "maaliskuu 1249 (lokakuu 1241 + 7 vuotta + 5 kuukautta)"
    )


@pytest.mark.parametrize(
    ("question", "language", "answer_language"),
    [
        ("Cine a fost primar în mai 1990?", "ro", "ro"),
        ("Ce dată este la 2 luni după decembrie 9999?", "ro", "fi"),  # no words for it in Finnish
        ("Cine a fost primar pe 28 februarie 1990?", "ro", "ro"),
    ],
)
def test_other_questions_need_the_documents(fake_encoder, question, language, answer_language):
    assert calendar_answer(question, language, answer_language, fake_encoder) is None


def test_a_date_that_does_not_exist_is_named(fake_encoder):
    assert (
        calendar_answer("Cine a fost primar pe 31 februarie 1990?", "ro", "ro", fake_encoder)
        == "Nu există o astfel de dată."
    )


def test_timing_in_each_mode():
    question = "Wer war im Mai 1990 Bürgermeister?"
    period = Period(MAY_1990, MAY_1990)
    assert question_timing(question, "de", "auto", None) == Timing((period,))
    assert question_timing(question, "de", "on", None) == Timing((period,), when=True)
    assert question_timing(question, "de", "off", MAY_1990) == Timing()


def test_a_question_without_a_time_is_timed_by_the_mode_and_as_of():
    question = "Wie heißt der Bürgermeister?"
    assert not question_timing(question, "de", "auto", None)
    assert question_timing(question, "de", "on", None) == Timing(when=True)
    assert question_timing(question, "de", "auto", MAY_1990).periods == (Period(MAY_1990, MAY_1990),)


def test_a_period_of_the_question_goes_before_as_of():
    timing = question_timing("Wer war im Mai 1990 Bürgermeister?", "de", "auto", Month(2001, 1))
    assert timing.periods == (Period(MAY_1990, MAY_1990),)


@pytest.mark.parametrize(
    ("as_of", "month"),
    [
        ("1998", Month(1998, 12)),
        ("1998-05", Month(1998, 5)),
        ("1988-04/1991-06", Month(1991, 6)),
        (None, None),
        ("", None),
    ],
)
def test_as_of_is_the_last_month(as_of, month):
    assert parse_as_of(as_of) == month


@pytest.mark.parametrize("as_of", ["May", "1998-13", "1998-00", "0000", "98765", "1998-05-01", "1/2/3", "-5"])
def test_an_as_of_that_is_no_period_is_named(as_of):
    with pytest.raises(IsthmusError, match="as_of: ") as raised:
        parse_as_of(as_of)
    assert repr(as_of) in str(raised.value)


class FirstOfMay(datetime.date):
    @classmethod
    def today(cls):
        return datetime.date(2024, 5, 1)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "May 1, 2024"),
        ("ro", "1 mai 2024"),
        ("de", "1. Mai 2024"),
        ("zh", "2024年5月1日"),
        ("xx", "2024-05-01"),
        ("", "2024-05-01"),
    ],
)
def test_today_is_written_in_the_language(monkeypatch, language, text):
    monkeypatch.setattr(time_mode, "datetime", SimpleNamespace(date=FirstOfMay))
    assert today_in(language) == text

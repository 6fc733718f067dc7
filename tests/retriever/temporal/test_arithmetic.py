import json
import random
import tomllib
from importlib.resources import files

import pytest
from babel.dates import get_month_names
from babel.localedata import locale_identifiers
from hypothesis import given, settings
from hypothesis import strategies as st

from retriever.languages.digits import ascii_digits
from retriever.temporal.arithmetic import (
    MonthShift,
    Phrases,
    format_month,
    languages,
    phrases,
    random_shifts,
    write_answer,
    write_question,
)
from retriever.temporal.parsing import parse_shift
from retriever.types import Month

MONTHS = st.builds(Month, st.integers(1, 3000), st.integers(1, 12))


def test_year_ends_and_twelve_months():
    assert Month(1241, 10) + (7 * 12 + 5) == Month(1249, 3)
    assert Month(1999, 12) + 1 == Month(2000, 1)
    assert Month(2000, 1) + -1 == Month(1999, 12)
    assert Month(1742, 5) + (4 * 12 + 12) == Month(1747, 5)


@pytest.mark.parametrize(
    ("code", "text"),
    [("zh_Hant", "1990年5月"), ("zh-Hant", "1990年5月"), ("ar_EG", "مايو ١٩٩٠"), ("hi-Latn", "May 1990")],
)
def test_a_month_is_written_by_the_locale_of_a_code(code, text):
    assert format_month(Month(1990, 5), code) == text


@given(MONTHS, st.integers(0, 5000))
def test_before_undoes_after(start, months):
    assert MonthShift(MonthShift(start, months, after=True).result, months, after=False).result == start


@pytest.mark.parametrize("language", languages())
@settings(max_examples=500)
@given(start=MONTHS, months=st.integers(1, 500), after=st.booleans())
def test_every_written_question_is_parsed_back(language, start, months, after):
    shift = MonthShift(start, months, after)
    assert parse_shift(write_question(shift, language), language) == shift


@pytest.mark.parametrize("language", languages())
def test_the_answer_names_the_month_and_the_year(language):
    answer = write_answer(MonthShift(Month(1241, 10), 89, after=True), language) or ""
    # the first letters only: "марта" in a date, "март" alone
    month = str(get_month_names("wide", "format", locale=language)[3])[:3].casefold()
    assert answer.startswith(("1249年3月", "tháng 3 năm 1249")) or (
        answer.casefold().startswith(month) and " 1249" in answer
    )
    assert "1241" in answer


@pytest.mark.parametrize("language", languages())
def test_dates_that_do_not_exist(language):
    impossible = phrases(language).impossible
    assert write_answer(MonthShift(Month(0, 10), 3, after=True), language) == impossible
    assert write_answer(MonthShift(Month(3, 1), 36, after=False), language) == impossible
    assert write_answer(MonthShift(Month(9999, 12), 1, after=True), language) == impossible
    assert write_answer(MonthShift(Month(1, 2), 1, after=False), language) != impossible


@pytest.mark.parametrize(
    ("question", "language", "result"),
    [
        ("What is the time 4 year and 12 month after May, 1742?", "en", Month(1747, 5)),
        ("Was ist 3 Jahre nach Mai 2000?", "de", Month(2003, 5)),
        ("Ce lună a fost cu 14 luni înainte de ianuarie 2001?", "ro", Month(1999, 11)),
        ("मई २००० के ७ साल बाद कौन सा महीना था?", "hi", Month(2007, 5)),
        ("متى كان بعد مايو ٢٠٠٠ ب سنتان؟", "ar", Month(2002, 5)),
        ("๕ ปีหลังจากมกราคม ๒๐๐๐ คือเมื่อใด", "th", Month(2005, 1)),
        ("2020年3月5个月之后是什么时候", "zh", Month(2020, 8)),
    ],
)
def test_questions_as_people_put_them(question, language, result):
    assert parse_shift(question, language).result == result


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("When was the University of Bologna founded?", "en"),
        ("Who was king 5 years after May 1990?", "en"),
        ("What is the time 5 years after May 1990 and June 1991?", "en"),
        ("What happened in May 1990?", "en"),
        ("What is the time after May 1990?", "en"),
        ("Wer regierte 3 Jahre nach Mai 2000?", "de"),
        ("Hvad er tiden 3 år efter maj 2000?", "da"),
        ("", "en"),
    ],
)
def test_other_questions_are_left_alone(question, language):
    assert parse_shift(question, language) is None


def test_all_of_tempreasons_l1(data):
    """All L1 questions of the public test sets, against their answers."""
    names = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    wrong = []
    for name in ("test_l1", "test_l1_future"):
        for line in (data / "tempreason" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            shift = parse_shift(row["question"], "en")
            if shift is None or f"{names[shift.result.month - 1]}, {shift.result.year}" not in row["answers"]:
                wrong.append(row["question"])
    assert wrong == []


def test_every_file_has_the_keys_and_variables():
    for language in languages():
        text = files("retriever").joinpath("temporal", "phrases", f"{language}.toml").read_text(encoding="utf-8")
        assert tomllib.loads(text).keys() == set(Phrases.__slots__)
        texts = phrases(language)
        assert all(
            f"${name}" in texts.question and f"${name}" in texts.answer for name in ("duration", "direction", "date")
        )
        assert "$result" in texts.answer
        assert "$year" in texts.date


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("ja", "1241年10月 + 7 年 + 5 か月 = ?"),
        ("ko", "1241년 10월 + 7년 + 5개월 = ?"),
        ("pl", "październik 1241 + 7 lat + 5 miesięcy = ?"),
        ("fa", "اکتبر ۱۲۴۱ + ۷ سال + ۵ ماه = ?"),
        ("bn", "অক্টোবর ১২৪১ + ৭ বছর + ৫ মাস = ?"),
    ],
)
def test_a_language_without_phrases_asks_in_signs(language, question):
    assert write_question(MonthShift(Month(1241, 10), 89, after=True), language) == question
    assert "−" in write_question(MonthShift(Month(1241, 10), 89, after=False), language)


def test_every_language_of_cldr_writes_each_shift_differently():
    codes = [code for code in locale_identifiers() if "_" not in code]
    assert len(codes) > 200
    shifts = set(random_shifts(100, range(1000, 2100), random.Random(2)))
    for code in codes:
        questions = {write_question(shift, code) for shift in shifts}
        assert len(questions) == len(shifts), code
        assert all(f"{shift.start.year}" in ascii_digits(write_question(shift, code)) for shift in shifts), code


def test_random_shifts_lie_in_the_calendar_and_are_repeatable():
    shifts = random_shifts(300, range(1, 10000), random.Random(1))
    assert shifts == random_shifts(300, range(1, 10000), random.Random(1))
    assert all(shift.start.exists and shift.result.exists and 1 <= shift.months <= 131 for shift in shifts)
    assert {shift.after for shift in shifts} == {True, False}
    assert {shift.start.month for shift in shifts} == set(range(1, 13))
    with pytest.raises(ValueError, match="no calendar"):
        random_shifts(1, range(3), random.Random(1))

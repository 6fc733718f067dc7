import random

import pytest
from babel.localedata import locale_identifiers

from retriever.temporal.arithmetic import format_month, random_shifts, write_question
from retriever.temporal.parsing import find_shift, parse_shift
from retriever.temporal.units import number_words, unit_forms
from retriever.types import Month

LANGUAGES = sorted(code for code in locale_identifiers() if "_" not in code)
SHIFTS = random_shifts(3, range(1000, 2100), random.Random(4))


@pytest.mark.slow
def test_months_and_spans_are_read_in_nearly_every_language_of_cldr():
    """The parts as CLDR writes them, signs taken out; unread are languages with months or units of several words."""
    unread = []
    for language in LANGUAGES:
        for shift in SHIFTS:
            sign = "+" if shift.after else "−"
            named = find_shift(write_question(shift, language).replace(f" {sign} ", " ; "), language)
            if language not in ("ar", "syr") and (named is None or named.start != shift.start):
                unread.append(language)
    assert len(LANGUAGES) > 300
    assert len(set(unread)) < 25


@pytest.mark.parametrize(
    ("language", "question", "months"),
    [
        ("fi", "Mikä kuukausi oli 14 kuukautta ennen toukokuuta 1990?", 14),
        ("pl", "Jaki miesiąc przypada 5 lat po maju 1990?", 60),
        ("hu", "Melyik hónap van 3 évvel 1990 májusa után?", 36),
        ("ka", "1990 წლის მაისიდან 3 წლის შემდეგ", 36),
        ("el", "3 χρόνια μετά τον Μάιο του 1990", 36),
        ("he", "חודשיים אחרי מאי 1990", 2),
        ("ar", "قبل سنة وشهرين من مايو 1990", 14),
        ("ja", "1990年5月の3年2ヵ月後", 38),
        ("sw", "miaka mitatu na miezi 2 baada ya Mei 1990", 38),
        ("zh", "1990年5月三十八个月之后", 38),
        ("th", "สิบสี่เดือนหลังพฤษภาคม พ.ศ. 2533", 14),
        ("en", "a year and thirty-eight months after 5/1990", 50),
    ],
)
def test_the_parts_are_read_however_they_are_inflected(language, question, months):
    named = find_shift(question, language)
    assert named
    assert (named.start, named.months) == (Month(1990, 5), months)


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "2.5 years after May 1990"),
        ("en", "3 years after May 1990 and June 1991"),
        ("en", "3 years after May"),
        ("en", "after May 1990"),
        ("ar", "أي شهر بعد شهر مايو 1990"),
        ("zh", "1990年5月之后是哪一个月"),
        ("xx", "3 years after May 1990"),
    ],
)
def test_without_its_parts_it_is_no_shift(language, question):
    assert find_shift(question, language) is None


def test_a_date_may_be_said_twice():
    assert find_shift("It is May 1990. What is 3 years after May 1990?", "en").months == 36


def test_a_language_without_words_of_direction_is_left_to_the_encoder():
    assert find_shift("3 lata po maju 1990", "pl").after is None
    assert parse_shift("3 lata po maju 1990", "pl") is None


def test_months_are_written_as_they_are_read():
    for month in range(1, 13):
        text = format_month(Month(1990, month), "cs")
        assert find_shift(f"3 roky po {text}", "cs").start == Month(1990, month)


def test_words_of_units_are_no_words_of_direction():
    assert unit_forms("de")["year"] >= {"jahr", "jahre", "jahren"}
    assert not unit_forms("de")["year"] & {"in", "vor", "nach"}
    assert number_words("ro")["două"] == 2

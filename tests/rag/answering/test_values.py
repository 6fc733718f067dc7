import datetime

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from prompts import languages
from rag.answering.values import localise_value
from retriever.languages.digits import ascii_digits


@pytest.mark.parametrize(
    ("words", "source", "language", "text"),
    [
        ("on 15 August 1914", "en", "fr", "15 août 1914"),
        ("August 15, 1914", "en", "zh", "1914年8月15日"),
        ("May 1990", "en", "el", "Μάιος 1990"),
        ("9. November 1989", "de", "ro", "9 noiembrie 1989"),
        ("15 अगस्त 1914", "hi", "de", "15. August 1914"),
        ("2,850 kilometres", "en", "de", "2.850 Kilometer"),
        ("2.850 Kilometer", "de", "en", "2,850 kilometers"),
        ("8,848.86 metres", "en", "ru", "8\u00a0848,86 метра"),
        ("14 days", "en", "ar", "14 يومًا"),
        ("14 days", "en", "fa", "۱۴ روز"),
        ("10 euros", "en", "uk", "10 євро"),
        ("20 US dollars", "en", "th", "20 ดอลลาร์สหรัฐ"),
        ("10 euros", "en", "yo", "10 Awon owó Yúrò"),
        ("15 August 1914", "en", "hi-Latn", "15 August, 1914"),
    ],
)
def test_values_are_written_as_the_language_writes_them(words, source, language, text):
    assert localise_value(words, source, language) == text


@pytest.mark.parametrize(
    "words",
    [
        "before 15 August 1914",
        "until 31 December 2023",
        "15 August 1914 and 3 May 1920",
        "15 August 1914 at 14:00",
        "04/10/1957",
        "1914",
        "about 330 metres",
        "330 metres tall",
        "5 pounds",
        "10 or 12 euros",
        "1,2,3 metres",
        "Gustave Eiffel",
        "",
    ],
)
def test_what_is_more_or_less_than_a_value_stays(words):
    assert localise_value(words, "en", "de") is None


@pytest.mark.parametrize("pair", [("und", "de"), ("en", "und"), ("en", "xx")])
def test_languages_that_cldr_does_not_know(pair):
    assert localise_value("10 euros", *pair) is None


@given(
    st.dates(min_value=datetime.date(1000, 1, 1)),
    st.sampled_from([code for code in languages("fixed") if code != "en"]),
)
def test_a_date_keeps_its_numbers(day, language):
    text = localise_value(f"{day.day} {day:%B} {day.year}", "en", language)
    assert text is not None
    digits = regex.findall(r"\d+", ascii_digits(text))
    assert {str(day.day), str(day.year)} <= {number.lstrip("0") for number in digits}

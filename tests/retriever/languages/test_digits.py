import unicodedata

import pytest
from babel import Locale
from babel.localedata import locale_identifiers

from retriever.languages.digits import ZEROS, ascii_digits, native_digits


def test_every_numbering_system_of_cldr_is_known():
    assert {Locale.parse(code).default_numbering_system for code in locale_identifiers()} == ZEROS.keys()


@pytest.mark.parametrize("zero", ZEROS.values(), ids=ZEROS.keys())
def test_ten_digits_follow_each_zero(zero):
    assert [unicodedata.digit(chr(ord(zero) + n)) for n in range(10)] == list(range(10))


@pytest.mark.parametrize(
    ("language", "text"),
    [("fa", "۱۲۴۱"), ("bn", "১২৪১"), ("mr", "१२४१"), ("my", "၁၂၄၁"), ("ar_EG", "١٢٤١"), ("ar", "1241"), ("hi", "1241")],
)
def test_digits_are_the_languages_own_and_read_back(language, text):
    assert native_digits("1241", language) == text
    assert ascii_digits(text) == "1241"

import pytest
from babel.localedata import locale_identifiers

from retriever.languages.months import month_names, normalize_text


@pytest.mark.parametrize(
    ("language", "name", "number"),
    [
        ("en", "march", 3),
        ("en", "sep", 9),
        ("ro", "martie", 3),
        ("ru", "марта", 3),  # in a date
        ("ru", "март", 3),  # alone
        ("hi", "मई", 5),
        ("ar", "مايو", 5),
        ("th", "มกราคม", 1),
        ("zh", "十一月", 11),
        ("vi", "tháng 5", 5),
    ],
)
def test_names_of_months(language, name, number):
    assert month_names(language)[name] == number


def test_wide_names_alone():
    assert "sep" not in month_names("en", ("wide",))
    assert month_names("en", ("wide",))["september"] == 9


@pytest.mark.parametrize("language", ["xx-nonsense", "", "und-Nope"])
def test_unknown_languages_have_no_months(language):
    assert month_names(language) == {}


def test_every_language_of_cldr_names_twelve_months():
    for code in locale_identifiers():
        if "_" not in code:
            assert set(month_names(code).values()) == set(range(1, 13)), code


@pytest.mark.parametrize(
    ("text", "normalized"),
    [("MAI 1998", "mai 1998"), ("५ मई १९९८", "5 मई 1998"), ("1\u00a0mai", "1 mai"), ("e\u0301te\u0301", "été")],
)
def test_text_in_the_form_in_which_dates_are_read(text, normalized):
    assert normalize_text(text) == normalized

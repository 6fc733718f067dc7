import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.temporal.arithmetic import format_month, languages
from retriever.temporal.periods import find_periods
from retriever.types import Month, Period

MONTHS = st.builds(Month, st.integers(1000, 2100), st.integers(1, 12))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "He played for Leeds from April 1988 to June 1991.", "1988-04/1991-06"),
        ("en", "On May 12, 2016, not 13 June 2017", "2016-05/2016-05 2017-06/2017-06"),
        ("en", "in 1988–91", "1988-01/1991-12"),
        ("en", "the 1990s", "1990-01/1999-12"),
        ("en", "mayor since 1998", "1998-01/9999-12"),
        ("en", "mayor (May 1998 – present)", "1998-05/9999-12"),
        ("en", "2020-05-17", "2020-05/2020-05"),
        ("en", "1,999 people walked 1500 km for $1999 in 12 years, 3 of 10000", ""),
        ("de", "am 13.05.2016, von Mai 1998 bis 2001", "1998-05/2001-12 2016-05/2016-05"),
        ("fr", "de 1988 à 1991", "1988-01/1991-12"),
        ("es", "mayo de 1998", "1998-05/1998-05"),
        ("ro", "din mai 1998 până în iunie 2001", "1998-05/2001-06"),
        ("ru", "с января 1998 года по март 2000 года", "1998-01/2000-03"),
        ("pl", "w styczniu 1998", "1998-01/1998-01"),
        ("hu", "1998. május 5-én", "1998-05/1998-05"),
        ("hi", "मई १९९८ में", "1998-05/1998-05"),
        ("ar", "في مايو ١٩٩٨، ومنذ عام 2001", "1998-05/1998-05 2001-01/9999-12"),
        ("th", "มกราคม พ.ศ. 2541 และ ค.ศ. 2001", "1998-01/1998-01 2001-01/2001-12"),
        ("zh", "1998年5月到2001年", "1998-05/2001-12"),
        ("ko", "1998년 5월", "1998-05/1998-05"),
        ("vi", "tháng 5 năm 1998", "1998-05/1998-05"),
        ("sw", "Mei 1998", "1998-05/1998-05"),
        ("und", "1998", "1998-01/1998-12"),
    ],
)
def test_periods_of_a_text(language, text, expected):
    assert " ".join(map(str, find_periods(text, language))) == expected


@given(st.sampled_from(languages()), MONTHS)
def test_a_month_as_a_language_writes_it_is_found(language, month):
    assert Period(month, month) in find_periods(f"({format_month(month, language)})", language)


@given(MONTHS, MONTHS)
def test_iso_8601_and_back(one, other):
    period = Period(min(one, other), max(one, other))
    assert Period.parse(str(period)) == period
    assert period.overlaps(period)


@pytest.mark.parametrize("text", ["", "May 1998", "1998-13", "1998-05/1999/2000", "0", "19985"])
def test_what_is_no_period(text):
    with pytest.raises(ValueError, match="is no period; write one as"):
        Period.parse(text)


@given(MONTHS, MONTHS, MONTHS, MONTHS)
def test_overlap_is_a_month_in_common(a, b, c, d):
    one, other = Period(min(a, b), max(a, b)), Period(min(c, d), max(c, d))
    common = max(one.start, other.start) <= min(one.end, other.end)
    assert one.overlaps(other) == other.overlaps(one) == common


@given(st.text())
def test_any_text_is_read(text):
    for language in ("en", "th", "zh", "hu", "und"):
        assert all(period.start <= period.end or period.start.exists for period in find_periods(text, language))

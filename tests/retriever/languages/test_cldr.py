import datetime

from babel import Locale
from babel.dates import format_date

import retriever.languages  # noqa: F401  (it separates the locales)


def test_the_months_of_one_language_do_not_become_anothers():
    for first, second, month in (("he", "no", "oktober"), ("zh", "fr", "octobre")):
        format_date(datetime.date(2025, 10, 15), "LLLL", first)
        assert format_date(datetime.date(2025, 10, 15), "LLLL", second) == month
    assert Locale.parse("zh").months["stand-alone"]["abbreviated"][1] == "1月"
    assert Locale.parse("eu").months["stand-alone"]["abbreviated"][1] == "urt."

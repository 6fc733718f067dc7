"""Calendar arithmetic: "What is the time 7 years and 5 months after October 1241?"

These are TempReason's L1 questions. A small model guesses them; this module writes and calculates them,
`retriever.temporal.parsing` reads them. phrases/ holds one file a language: the question, the answers, and the words
that such questions are made of. Names of months, plurals and digits come from CLDR.
"""

import datetime
import functools
import random
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

import regex
from babel import Locale
from babel.dates import format_skeleton, format_timedelta, get_month_names

from retriever.languages.digits import native_digits
from retriever.languages.locales import locale_of, parse_locale
from retriever.types import Month

DAYS = {"year": 365, "month": 30.5, "day": 1}
"""Days in a unit, from which CLDR's spans are written."""


@dataclass(frozen=True, slots=True)
class MonthShift:
    """A month, and a number of months (0 or more) after or before it.

    >>> MonthShift(Month(1241, 10), months=89, after=True).result
    Month(year=1249, month=3)
    """

    start: Month
    months: int
    after: bool

    @property
    def result(self) -> Month:
        """The month that the shift leads to."""
        return self.start + (self.months if self.after else -self.months)


def random_shifts(count: int, years: range, rng: random.Random) -> list[MonthShift]:
    """Shifts from months of these years by up to ten years and eleven months, as in TempReason.

    Their results exist too. Raises ValueError if `years` is empty or leaves the years 1 to 9999.
    """
    if not years or not (Month(years[0], 1).exists and Month(years[-1], 1).exists):
        raise ValueError(f"There is no calendar for {years}.")
    shifts: list[MonthShift] = []
    while len(shifts) < count:
        shift = MonthShift(Month(rng.choice(years), rng.randint(1, 12)), rng.randint(1, 131), rng.random() < 0.5)
        if shift.result.exists:
            shifts.append(shift)
    return shifts


@dataclass(frozen=True, slots=True)
class Phrases:
    """A language's file of phrases.

    `question`, `date` and `answer` are templates; `impossible` and `no_date` are whole answers. `join` stands between
    years and months. The lists are words to recognise: of direction (`after`, `before`; the first is also written), of
    units (`years`, `months`), `numbers` that num2words lacks, and all others that such a question may hold (`filler`).
    `periods` and `timing` read the last four: words that ask for a time (`when`), mean the present (`now`), open a
    period (`since`) or join its two ends (`until`).
    """

    question: str
    date: str
    join: str
    after: list[str]
    before: list[str]
    years: list[str]
    months: list[str]
    numbers: dict[str, int]
    filler: list[str]
    answer: str
    impossible: str
    no_date: str
    when: list[str]
    now: list[str]
    since: list[str]
    until: list[str]


@functools.cache
def languages() -> tuple[str, ...]:
    """Codes of the languages with a file of phrases, sorted."""
    folder = files("retriever").joinpath("temporal", "phrases")
    return tuple(sorted(e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml")))


@functools.cache
def phrases(language: str) -> Phrases:
    """The phrases of a language. Raises TypeError if its file lacks a key or has one too many."""
    file = files("retriever").joinpath("temporal", "phrases", f"{language}.toml")
    return Phrases(**tomllib.loads(file.read_text(encoding="utf-8")))


def write_question(shift: MonthShift, language: str) -> str:
    """The question in a language: in its phrases, or as a formula if it has no file of phrases.

    A formula needs only CLDR's names of months, plurals and digits. The month must then exist, and CLDR know the
    language.

    >>> shift = MonthShift(Month(1241, 10), months=89, after=True)
    >>> write_question(shift, "en")
    'What is the time 7 years and 5 months after October 1241?'
    >>> write_question(shift, "ja")
    '1241年10月 + 7 年 + 5 か月 = ?'
    """
    if language in languages():
        return _fill(phrases(language).question, shift, language)
    return _write_sum(shift, language) + " = ?"


def write_answer(shift: MonthShift, language: str) -> str | None:
    """The result with its calculation, or that there is no such date.

    A language without a file of phrases has the calculation in signs, and None if there is no such date, or CLDR does
    not know the language.

    >>> write_answer(MonthShift(Month(1241, 10), months=89, after=True), "ja")
    '1249年3月 (1241年10月 + 7 年 + 5 か月)'
    """
    exists = shift.start.exists and shift.result.exists
    if language not in languages():
        if not exists or locale_of(language) is None:
            return None
        return f"{format_month(shift.result, language)} ({_write_sum(shift, language)})"
    language_phrases = phrases(language)
    if not exists:
        return language_phrases.impossible
    return _fill(language_phrases.answer, shift, language, result=format_month(shift.result, language))


def format_month(month: Month, language: str) -> str:
    """A month as a language writes it. The month must exist.

    >>> [format_month(Month(1249, 3), language) for language in ("ro", "zh", "fa")]
    ['martie 1249', '1249年3月', 'مارس ۱۲۴۹']
    """
    day = datetime.date(month.year, month.month, 1)
    text = str(format_skeleton("yMMMM", day, locale=parse_locale(language)))
    return native_digits(regex.sub(r"\s*г\.$", "", text), language)


def _write_sum(shift: MonthShift, language: str) -> str:
    """The shift in signs: "1241年10月 + 7 年 + 5 か月"."""
    sign = "+" if shift.after else "−"
    terms = [format_month(shift.start, language), *_spans(shift.months, language)]
    return native_digits(f" {sign} ".join(terms), language)


def _fill(template: str, shift: MonthShift, language: str, **values: str) -> str:
    """A template of a language's phrases with its variables filled in."""
    language_phrases = phrases(language)
    name = str(get_month_names("wide", "format", locale=language)[shift.start.month])
    text = Template(template).substitute(
        duration=language_phrases.join.join(_spans(shift.months, language)),
        direction=(language_phrases.after if shift.after else language_phrases.before)[0],
        date=Template(language_phrases.date).substitute(month=name, number=shift.start.month, year=shift.start.year),
        **values,
    )
    return native_digits(" ".join(text.split()), language)


def _spans(months: int, language: str) -> list[str]:
    """A number of months as years and months, in words; at least one span."""
    counts = zip(divmod(months, 12), ("year", "month"), strict=True)
    return [write_span(count, unit, language) for count, unit in counts if count] or [write_span(0, "month", language)]


@functools.cache
def write_span(count: int, unit: str, locale: str | Locale, *, from_now: bool = False) -> str:
    """A number of years, months or days in words: "21 de ani", "سنتان", "7年".

    With `from_now`: "in 3 years", "3 years ago".
    """
    span = datetime.timedelta(days=DAYS[unit] * count)
    options: dict[str, Any] = {"granularity": unit, "threshold": float("inf"), "add_direction": from_now}
    return str(format_timedelta(span, locale=locale, **options))

"""What a question says about time: the periods it asks for, and whether there can be such dates at all."""

import calendar as days
import datetime
import functools

import regex

from retriever.languages.months import month_names, normalize_text
from retriever.temporal import arithmetic
from retriever.temporal.periods import any_of, find_mentions, gregorian_year
from retriever.types import OPEN, Month, Period, Timing

_NUMERIC_DAY = regex.compile(
    r"(?<!\d)(?:(?P<y>\d{4})-(?P<b>\d\d)-(?P<a>\d\d)|(?P<a>\d\d?)(?P<sep>[./])(?P<b>\d\d?)(?P=sep)(?P<y>\d{4}))(?!\d)"
)
_EAST_ASIAN_DAY = regex.compile(r"(?:(?P<y>\d{1,4})\s*[年년]\s*)?(?P<m>\d{1,2})\s*[月월]\s*(?P<d>\d{1,2})\s*[日일]")


LEAP = 4
"""The year of a day without one: 29 February may be meant of any leap year."""
LONG_NAME = 6
"""Letters of a month from which a "32" before it is a day; "50 may apply" is no date, nor Romanian "50 mai mari"."""


def read_timing(question: str, language: str, today: Month | None = None) -> Timing:
    """What a question says about time.

    Dates are found in every language that CLDR has month names for, words ("when", "now", "before") in those of
    `calendar.languages()`. "Before 1990" asks for all that ended by then or went on; "now" for `today`, this month
    unless it is given.
    """
    text = normalize_text(question)
    when, now, before, after = _words(language)
    periods = []
    for mention in find_mentions(text, language):
        around = text[max(0, mention.start - 20) : mention.start], text[mention.end : mention.end + 20]
        if any(side.search(part) for side, part in zip(before, around, strict=True)):
            periods.append(Period(Month(1, 1), mention.period.start + -1))
        elif any(side.search(part) for side, part in zip(after, around, strict=True)):
            periods.append(Period(mention.period.end + 1, OPEN))
        else:
            periods.append(mention.period)
    present = bool(now.search(text))
    if present and not periods:
        day = datetime.date.today()
        month = today or Month(day.year, day.month)
        periods.append(Period(month, month))
    return Timing(tuple(periods), bool(when.search(text)), present)


def nonexistent_date(question: str, language: str, answer_language: str) -> str | None:
    """What to say of a question with a date that there is not (31 February, the year 0); None if it has none.

    `answer_language` must have a phrase file; None too if the question's language has none.
    """
    if language not in arithmetic.languages():
        return None
    own, said, text = arithmetic.phrases(language), arithmetic.phrases(answer_language), normalize_text(question)
    no_year = r"(?<![\d.,])0\s*年" if "年" in own.date else rf"(?<!\d\s*)(?:{any_of(own.years)})\s*0(?![\d.,])"
    if regex.search(no_year, text) and arithmetic.parse_shift(question, language) is None:
        return said.impossible
    for match in _NUMERIC_DAY.finditer(text):
        year, a, b = int(match["y"]), int(match["a"]), int(match["b"])
        if not (_exists(year, b, a) or _exists(year, a, b)):
            return said.no_date
    for pattern in (_EAST_ASIAN_DAY, _named_day(language)):
        for match in pattern.finditer(text):
            name, day = match["m"], int(match["d"])
            month = int(name) if name.isdigit() else month_names(language)[name]
            told = day <= 31 or len(name) >= LONG_NAME
            if told and not _exists(gregorian_year(int(match["y"] or LEAP), language), month, day):
                return said.no_date
    return None


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and year >= 1 and 1 <= day <= days.monthrange(year, month)[1]


@functools.cache
def _named_day(language: str) -> "regex.Pattern[str]":
    """A day with its month's name, before it or, from 29 to 31 ("May 68" is a year), after it; with the year if any."""
    names = "|".join(regex.escape(name) for name in sorted(month_names(language), key=len, reverse=True))
    day, of = r"(?P<d>\d{1,2})(?:st|nd|rd|th|er|º|\.)?", r"(?:\s*(?:of|de|the|วันที่)\s*|\s*)"
    year = r"(?:(?:[\s,]|\bde\b|\bdel\b|năm)*(?P<y>\d{4}))?"
    after = rf"(?P<m>{names})\s+(?:the\s+)?(?P<d>29|30|31)(?!\d)(?:st|th)?"
    return regex.compile(
        rf"(?<![\d.,\p{{L}}]){day}{of}(?P<m>{names})(?![\p{{L}}\p{{M}}]){year}|(?<!\p{{L}}){after}{year}"
    )


@functools.cache
def _words(
    language: str,
) -> tuple[
    "regex.Pattern[str]", "regex.Pattern[str]", "tuple[regex.Pattern[str], ...]", "tuple[regex.Pattern[str], ...]"
]:
    """Words for when and for now; what stands before and after a date that is a bound, for "before" and "after"."""
    known = arithmetic.phrases(language) if language in arithmetic.languages() else None
    when, now, before, after, years = (
        (known.when, known.now, known.before, known.after, known.years) if known else ([], [], [], [], [])
    )

    def beside(words: list[str]) -> "tuple[regex.Pattern[str], ...]":
        between = rf"\s*(?:\p{{L}}{{1,3}}\s+)?(?:{any_of(years)})?\s*"
        return regex.compile(rf"(?:{any_of(words)}){between}$"), regex.compile(rf"^{between}(?:{any_of(words)})")

    return regex.compile(any_of(when)), regex.compile(any_of(now)), beside(before), beside(after)

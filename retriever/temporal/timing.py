"""What a question says about time: the periods that it asks for, and dates in it that do not exist."""

import calendar
import datetime
import functools
from dataclasses import dataclass

import regex

from retriever.languages.months import month_names, normalize_text
from retriever.temporal import arithmetic
from retriever.temporal.parsing import parse_shift
from retriever.temporal.periods import Mention, any_of, find_mentions, gregorian_year
from retriever.types import OPEN, Month, Period, Timing

_NUMERIC_DAY = regex.compile(
    r"(?<!\d)(?:(?P<y>\d{4})-(?P<b>\d\d)-(?P<a>\d\d)|(?P<a>\d\d?)(?P<sep>[./])(?P<b>\d\d?)(?P=sep)(?P<y>\d{4}))(?!\d)"
)
_EAST_ASIAN_DAY = regex.compile(r"(?:(?P<y>\d{1,4})\s*[年년]\s*)?(?P<m>\d{1,2})\s*[月월]\s*(?P<d>\d{1,2})\s*[日일]")


LEAP_YEAR = 4
"""The year of a day without a year: 29 February exists in some year, so the question may mean it."""
LONG_NAME = 6
"""Least letters of a month's name that make a number over 31 before it a day: "32 December" is a date, but "50 may
apply" and Romanian "50 mai mari" are not."""
NEIGHBOURHOOD = 20
"""Characters before and after a date in which "before" and "after" count."""


def read_timing(question: str, language: str, today: Month | None = None) -> Timing:
    """What a question says about time.

    "Before 1990" asks for all periods up to December 1989, "after 1990" for all from January 1991. "Now" asks for the
    month `today`, by default the current one, if the question names no date. Dates are read in every language that CLDR
    has month names for; the words "when", "now", "before" and "after" in those of `arithmetic.languages()`.

    >>> str(read_timing("Who was chancellor before 1998?", "en").periods[0])
    '0001-01/1997-12'
    >>> read_timing("When was the university founded?", "en").when
    True
    """
    text = normalize_text(question)
    words = _time_words(language)
    periods = [_period_asked_for(text, mention, words) for mention in find_mentions(text, language)]
    is_now = bool(words.now.search(text))
    if is_now and not periods:
        day = datetime.date.today()
        month = today or Month(day.year, day.month)
        periods.append(Period(month, month))
    return Timing(tuple(periods), bool(words.when.search(text)), is_now)


def nonexistent_date(question: str, language: str, answer_language: str) -> str | None:
    """The answer to a question with a date that does not exist (31 February, the year 0); None if it has no such date.

    `answer_language` must have a file of phrases. If `language` has none, the result is None.

    >>> nonexistent_date("Was geschah am 30. Februar?", "de", "en")
    'There is no such date.'
    """
    if language not in arithmetic.languages():
        return None
    text, answers = normalize_text(question), arithmetic.phrases(answer_language)
    if _names_year_zero(text, language) and parse_shift(question, language) is None:
        return answers.impossible
    return answers.no_date if _names_impossible_day(text, language) else None


def _period_asked_for(text: str, mention: Mention, words: "_TimeWords") -> Period:
    """The period of a mention; all before it or after it if a word beside it says so."""
    left = text[max(0, mention.start - NEIGHBOURHOOD) : mention.start]
    right = text[mention.end : mention.end + NEIGHBOURHOOD]
    if words.before.stands_beside(left, right):
        return Period(Month(1, 1), mention.period.start + -1)
    if words.after.stands_beside(left, right):
        return Period(mention.period.end + 1, OPEN)
    return mention.period


def _names_year_zero(text: str, language: str) -> bool:
    """Whether the text names the year 0, before or after the language's word for a year."""
    phrases = arithmetic.phrases(language)
    zero_first, word_first = r"(?<![\d.,])0\s*年", rf"(?<!\d\s*)(?:{any_of(phrases.years)})\s*0(?![\d.,])"
    pattern = zero_first if "年" in phrases.date else word_first
    return bool(regex.search(pattern, text))


def _names_impossible_day(text: str, language: str) -> bool:
    """Whether the text names a day that does not exist; a date in numbers must exist in one order of day and month."""
    for match in _NUMERIC_DAY.finditer(text):
        year, a, b = int(match["y"]), int(match["a"]), int(match["b"])
        if not (_exists(year, b, a) or _exists(year, a, b)):
            return True
    for pattern in (_EAST_ASIAN_DAY, _named_day_pattern(language)):
        for match in pattern.finditer(text):
            name, day = match["m"], int(match["d"])
            year = gregorian_year(int(match["y"] or LEAP_YEAR), language)
            month = int(name) if name.isdigit() else month_names(language)[name]
            is_date = day <= 31 or len(name) >= LONG_NAME
            if is_date and not _exists(year, month, day):
                return True
    return False


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and year >= 1 and 1 <= day <= calendar.monthrange(year, month)[1]


@functools.cache
def _named_day_pattern(language: str) -> "regex.Pattern[str]":
    """A day (d) with its month's name (m), and its year (y) if any.

    The day stands before the name, or after it from 29 to 31 only: "May 68" is a year.
    """
    names = "|".join(regex.escape(name) for name in sorted(month_names(language), key=len, reverse=True))
    day, of = r"(?P<d>\d{1,2})(?:st|nd|rd|th|er|º|\.)?", r"(?:\s*(?:of|de|the|วันที่)\s*|\s*)"
    year = r"(?:(?:[\s,]|\bde\b|\bdel\b|năm)*(?P<y>\d{4}))?"
    name_first = rf"(?P<m>{names})\s+(?:the\s+)?(?P<d>29|30|31)(?!\d)(?:st|th)?"
    return regex.compile(
        rf"(?<![\d.,\p{{L}}]){day}{of}(?P<m>{names})(?![\p{{L}}\p{{M}}]){year}|(?<!\p{{L}}){name_first}{year}"
    )


@dataclass(frozen=True, slots=True)
class _BoundWords:
    """Patterns of words such as "before": at the end of the text left of a date, at the start of the text right."""

    left: "regex.Pattern[str]"
    right: "regex.Pattern[str]"

    def stands_beside(self, left: str, right: str) -> bool:
        """Whether one of the words stands next to the date between these texts."""
        return bool(self.left.search(left) or self.right.search(right))


@dataclass(frozen=True, slots=True)
class _TimeWords:
    """A language's words of time, as patterns."""

    when: "regex.Pattern[str]"
    now: "regex.Pattern[str]"
    before: _BoundWords
    after: _BoundWords


@functools.cache
def _time_words(language: str) -> _TimeWords:
    """The patterns of a language; they match nothing if it has no file of phrases."""
    phrases = arithmetic.phrases(language) if language in arithmetic.languages() else None
    when, now, before, after, years = (
        (phrases.when, phrases.now, phrases.before, phrases.after, phrases.years) if phrases else ([], [], [], [], [])
    )
    between = rf"\s*(?:\p{{L}}{{1,3}}\s+)?(?:{any_of(years)})?\s*"

    def bound_words(words: list[str]) -> _BoundWords:
        any_word = any_of(words)
        return _BoundWords(regex.compile(rf"(?:{any_word}){between}$"), regex.compile(rf"^{between}(?:{any_word})"))

    return _TimeWords(regex.compile(any_of(when)), regex.compile(any_of(now)), bound_words(before), bound_words(after))

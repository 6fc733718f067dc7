"""Dates and periods in a text: digits of any script, month names of any language that CLDR knows."""

import functools
from dataclasses import dataclass, replace

import regex

from retriever.languages.months import month_names, normalize_text
from retriever.languages.scripts import UNSPACED
from retriever.temporal import arithmetic
from retriever.types import OPEN, Month, Passage, Period

_DASH = r"[-–—−~〜～]"
_YEAR = r"(?P<y>\d{3,4})(?!\d)"
_YEAR_FIRST = {"eu", "hu", "lt", "lv", "mn"}
_INFLECTED = {
    "be", "bg", "bs", "cs", "el", "et", "fi", "hr", "hu", "lt", "lv", "pl", "ru", "sk", "sl", "sr", "tr", "uk",
}  # fmt: skip
"""Languages whose month names take endings that CLDR does not list ("w styczniu")."""
_ISO = regex.compile(r"(?<!\d)(?P<y>\d{4})-(?P<n>0[1-9]|1[0-2])(?:-\d\d)?(?![\d-])")
_EAST_ASIAN = regex.compile(r"(?P<y>\d{3,4})\s*[年년](?:\s*(?P<n>\d{1,2})\s*[月월])?")
_NUMERIC = regex.compile(r"(?<!\d)(?P<a>\d{1,2})([./-])(?P<b>\d{1,2})\2(?P<y>\d{4})(?!\d)")
_SHORT_RANGE = regex.compile(rf"(?<!\d)(?P<y>1\d{{3}}|20\d\d){_DASH}(?P<s>\d\d)(?![\d{_DASH[1:-1]}])")
_DECADE = regex.compile(r"(?<!\d)(?P<y>1\d{2}0|20\d0)(?P<decade>['’]?s|er)\b")
_PLAIN = regex.compile(
    r"(?<![\d.,:/$€£¥A-Za-z])(?P<y>1\d{3}|2[0-6]\d{2})(?![\d%°]|[.,:]\d|\s?(?:km|m|kg|mm|cm|ft|mi|ha)\b)"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A period, and the offsets [start, end) of its words in the normalized text."""

    start: int
    end: int
    period: Period


def find_periods(text: str, language: str) -> tuple[Period, ...]:
    """The distinct periods that a text names, earliest first.

    >>> [str(period) for period in find_periods("From April 1988 to June 1991, and since 1998.", "en")]
    ['1988-04/1991-06', '1998-01/9999-12']
    """
    return tuple(sorted({mention.period for mention in find_mentions(normalize_text(text), language)}))


def with_times(passage: Passage) -> Passage:
    """The passage with the periods that its title and text name."""
    return replace(passage, times=find_periods(passage.embedded_text, passage.language))


def find_mentions(text: str, language: str) -> list[Mention]:
    """The periods that a normalized text names (see `normalize_text`), in the order of the text.

    A period is a month with its year, a year from 1000 to 2100, or a decade. Two dates with a dash or a word between
    them ("April 1988 to June 1991") are one period. A period after "since" has no end.
    """
    mentions: list[Mention] = []
    rest = text
    for pattern in _date_patterns(language):
        for match in pattern.finditer(rest):
            if period := _period(match.groupdict(), language):
                mentions.append(Mention(match.start(), match.end(), period))
                rest = rest[: match.start()] + "\0" * len(match.group()) + rest[match.end() :]
    mentions = _join_ranges(text, sorted(mentions, key=lambda mention: mention.start), language)
    return _open_ends(text, mentions, language)


def any_of(words: list[str]) -> str:
    """A regular expression for any of these words, whole in scripts that put spaces between words.

    It matches normalized text; for no words it matches nothing.
    """
    longest_first = sorted(map(normalize_text, words), key=len, reverse=True)
    patterns = [
        regex.escape(word) if UNSPACED.search(word) else rf"(?<!\p{{L}}){regex.escape(word)}(?![\p{{L}}\p{{M}}])"
        for word in longest_first
    ]
    return "|".join(patterns) if patterns else "(?!)"


def gregorian_year(year: int, language: str) -> int:
    """The Gregorian year of a year as a language writes it.

    Thai counts from the Buddha, 543 years earlier; its years before 2300 are taken as Gregorian.

    >>> gregorian_year(2541, "th"), gregorian_year(1998, "th")
    (1998, 1998)
    """
    return year - 543 if language == "th" and year >= 2300 else year


def _period(groups: dict[str, str | None], language: str) -> Period | None:
    """The period of a date pattern's groups; None if there is no such period."""
    year = gregorian_year(int(groups["y"] or 0), language)
    if not 1 <= year <= 2100:
        return None
    if short := groups.get("s"):
        last = year - year % 100 + int(short)
        return Period(Month(year, 1), Month(last, 12)) if last > year else None
    if groups.get("decade"):
        return Period(Month(year, 1), Month(year + (99 if year % 100 == 0 else 9), 12))
    number = int(groups.get("n") or 0) or month_names(language).get((groups.get("m") or "").rstrip("."), 0)
    if stem := groups.get("stem"):
        number = next(n for name, n in month_names(language).items() if name[:-1] == stem and len(name) > 4)
    if (a := groups.get("a")) and (b := groups.get("b")):
        day_first, month_first = (1 <= int(x) <= 12 for x in (b, a))
        number = int(b) if day_first and not month_first else int(a) if month_first and not day_first else 0
    if number > 12:
        return None
    return Period(Month(year, number), Month(year, number)) if number else Period(Month(year, 1), Month(year, 12))


def _join_ranges(text: str, mentions: list[Mention], language: str) -> list[Mention]:
    """The mentions, with two dates that bound a period ("1988 to 1991") made one."""
    joined: list[Mention] = []
    for mention in mentions:
        last = joined[-1] if joined else None
        between = text[last.end : mention.start] if last else ""
        if last and _range_words(language).join.fullmatch(between) and last.period.start <= mention.period.end:
            joined[-1] = Mention(last.start, mention.end, Period(last.period.start, mention.period.end))
        else:
            joined.append(mention)
    return joined


def _open_ends(text: str, mentions: list[Mention], language: str) -> list[Mention]:
    """The mentions, with those after "since" or before "– present" made open."""
    words = _range_words(language)
    result = []
    for mention in mentions:
        spans_years = mention.period.start.year != mention.period.end.year
        is_since = not spans_years and words.since.search(text[max(0, mention.start - 30) : mention.start])
        if is_since or words.present.match(text, mention.end):
            mention = replace(mention, period=Period(mention.period.start, OPEN))
        result.append(mention)
    return result


@dataclass(frozen=True, slots=True)
class _RangeWords:
    """Patterns of what joins two dates, what opens a period before its date, and what opens it after ("– present")."""

    join: "regex.Pattern[str]"
    since: "regex.Pattern[str]"
    present: "regex.Pattern[str]"


@functools.cache
def _range_words(language: str) -> _RangeWords:
    """A language's words for periods; dashes alone if it has no file of phrases."""
    phrases = arithmetic.phrases(language) if language in arithmetic.languages() else None
    until, since, now = (phrases.until, phrases.since, phrases.now) if phrases else ([], [], [])
    # "since the year 1998"
    year = rf"(?:(?:\p{{L}}{{1,3}}\s+)?(?:{any_of(phrases.years)})\s*)?" if phrases else ""
    return _RangeWords(
        regex.compile(rf"\s*{year}(?:{_DASH}|{any_of(until)})\s*{year}"),
        regex.compile(rf"(?:{any_of(since)})\s*{year}$"),
        regex.compile(rf"\s*{_DASH}\s*(?:{any_of([*now, 'present'])})"),
    )


@functools.cache
def _date_patterns(language: str) -> list["regex.Pattern[str]"]:
    """Patterns of a date in a language, the most specific first."""
    patterns = [_ISO, _EAST_ASIAN, _NUMERIC, _SHORT_RANGE]
    names = sorted(month_names(language), key=len, reverse=True)
    if names and not all(name[0].isdigit() for name in names):
        any_name = rf"(?P<m>{'|'.join(map(regex.escape, names))})\.?(?![\p{{L}}\p{{M}}])"
        if language in _INFLECTED:
            stems = "|".join(regex.escape(name[:-1]) for name in names if len(name) > 4)
            any_name = rf"(?:{any_name}|(?P<stem>{stems})\p{{L}}{{1,3}}(?!\p{{L}}))"
        edge = "" if any(map(UNSPACED.search, names)) else r"(?<![\p{L}\p{M}])"
        day = r"(?:\s*\d{1,2}(?:st|nd|rd|th)?\b)?"
        between = r"[\s,.]*(?:(?:de|del|of|din|năm|lui|anul|ค\.ศ\.|พ\.ศ\.|พุทธศักราช|عام|سنة)\s*)*"
        patterns.append(regex.compile(rf"{edge}{any_name}{day}{between}{_YEAR}"))
        if language in _YEAR_FIRST:
            patterns.append(regex.compile(rf"(?<!\d)(?P<y>\d{{4}})\.?\s*(?:m\.|gada)?\s*{any_name}"))
    return [*patterns, _DECADE, _PLAIN]

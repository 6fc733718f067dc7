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
    """Where in `plain(text)` a period stands."""

    start: int
    end: int
    period: Period


def find_periods(text: str, language: str) -> tuple[Period, ...]:
    """The distinct periods that a text names, earliest first."""
    return tuple(sorted({mention.period for mention in find_mentions(normalize_text(text), language)}))


def with_times(passage: Passage) -> Passage:
    """The passage with the periods that its title and text name."""
    return replace(passage, times=find_periods(passage.embedded_text, passage.language))


def find_mentions(text: str, language: str) -> list[Mention]:
    """Every period named in a plain text, in its order.

    A month with its year, a year, a decade; two dates joined by a dash or a word ("April 1988 to June 1991") are one
    period, and one that follows "since" has no end. A year without its month is from 1000 to 2100.
    """
    found: list[Mention] = []
    left = text
    for pattern in _patterns(language):
        for match in pattern.finditer(left):
            if period := _period(match.groupdict(), language):
                found.append(Mention(match.start(), match.end(), period))
                left = left[: match.start()] + "\0" * len(match.group()) + left[match.end() :]
    return _joined(text, sorted(found, key=lambda mention: mention.start), language)


def any_of(words: list[str]) -> str:
    """A regular expression for any of these words, whole in scripts that put spaces between words."""
    longest = sorted(map(normalize_text, words), key=len, reverse=True)
    each = [
        regex.escape(word) if UNSPACED.search(word) else rf"(?<!\p{{L}}){regex.escape(word)}(?![\p{{L}}\p{{M}}])"
        for word in longest
    ]
    return "|".join(each) if each else "(?!)"


def gregorian_year(year: int, language: str) -> int:
    """A year as a language writes it; Thai counts from the Buddha, and such years lie far ahead of ours."""
    return year - 543 if language == "th" and year >= 2300 else year


def _period(groups: dict[str, str | None], language: str) -> Period | None:
    year = gregorian_year(int(groups["y"] or 0), language)
    if not 1 <= year <= 2100:
        return None
    if short := groups.get("s"):
        last = year - year % 100 + int(short)
        return Period(Month(year, 1), Month(last, 12)) if last > year else None
    if groups.get("decade"):
        return Period(Month(year, 1), Month(year + (99 if year % 100 == 0 else 9), 12))
    number = int(groups.get("n") or 0) or month_names(language).get((groups.get("m") or "").rstrip("."), 0)
    if name := groups.get("stem"):
        number = next(n for known, n in month_names(language).items() if known[:-1] == name and len(known) > 4)
    if (a := groups.get("a")) and (b := groups.get("b")):
        day_first, month_first = (1 <= int(x) <= 12 for x in (b, a))
        number = int(b) if day_first and not month_first else int(a) if month_first and not day_first else 0
    if number > 12:
        return None
    return Period(Month(year, number), Month(year, number)) if number else Period(Month(year, 1), Month(year, 12))


def _joined(text: str, found: list[Mention], language: str) -> list[Mention]:
    """With dates that bound a period made one, and those after "since" open."""
    until, since, now = _words(language)
    mentions: list[Mention] = []
    for mention in found:
        last = mentions[-1] if mentions else None
        if last and until.fullmatch(text[last.end : mention.start]) and last.period.start <= mention.period.end:
            mentions[-1] = Mention(last.start, mention.end, Period(last.period.start, mention.period.end))
        else:
            mentions.append(mention)
    for n, mention in enumerate(mentions):
        bounded = mention.period.start.year != mention.period.end.year
        if now.match(text, mention.end) or (
            not bounded and since.search(text[max(0, mention.start - 30) : mention.start])
        ):
            mentions[n] = Mention(mention.start, mention.end, Period(mention.period.start, OPEN))
    return mentions


@functools.cache
def _words(language: str) -> tuple["regex.Pattern[str]", "regex.Pattern[str]", "regex.Pattern[str]"]:
    """What joins two dates; what stands before an open period; what ends one ("– present")."""
    own = arithmetic.phrases(language) if language in arithmetic.languages() else None
    until, since, now = (own.until, own.since, own.now) if own else ([], [], [])
    year = rf"(?:(?:\p{{L}}{{1,3}}\s+)?(?:{any_of(own.years)})\s*)?" if own else ""  # "since the year 1998"
    return (
        regex.compile(rf"\s*{year}(?:{_DASH}|{any_of(until)})\s*{year}"),
        regex.compile(rf"(?:{any_of(since)})\s*{year}$"),
        regex.compile(rf"\s*{_DASH}\s*(?:{any_of([*now, 'present'])})"),
    )


@functools.cache
def _patterns(language: str) -> list["regex.Pattern[str]"]:
    """Of a date in this language, the most telling first."""
    patterns = [_ISO, _EAST_ASIAN, _NUMERIC, _SHORT_RANGE]
    names = sorted(month_names(language), key=len, reverse=True)
    if names and not all(name[0].isdigit() for name in names):
        either = rf"(?P<m>{'|'.join(map(regex.escape, names))})\.?(?![\p{{L}}\p{{M}}])"
        if language in _INFLECTED:
            stems = "|".join(regex.escape(name[:-1]) for name in names if len(name) > 4)
            either = rf"(?:{either}|(?P<stem>{stems})\p{{L}}{{1,3}}(?!\p{{L}}))"
        edge = "" if any(map(UNSPACED.search, names)) else r"(?<![\p{L}\p{M}])"
        day = r"(?:\s*\d{1,2}(?:st|nd|rd|th)?\b)?"
        between = r"[\s,.]*(?:(?:de|del|of|din|năm|lui|anul|ค\.ศ\.|พ\.ศ\.|พุทธศักราช|عام|سنة)\s*)*"
        patterns.append(regex.compile(rf"{edge}{either}{day}{between}{_YEAR}"))
        if language in _YEAR_FIRST:
            patterns.append(regex.compile(rf"(?<!\d)(?P<y>\d{{4}})\.?\s*(?:m\.|gada)?\s*{either}"))
    return [*patterns, _DECADE, _PLAIN]

"""Calendar arithmetic: "What is the time 7 years and 5 months after October 1241?" in any language with a phrase file.

TempReason's L1 questions. No small model should guess them, and code need not. phrases/ holds one file a language with
the question, the words of direction, and the words that may stand around them; months, plurals and digits are CLDR's.
"""

import datetime
import functools
import random
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from string import Template

import regex
from babel.dates import format_skeleton, format_timedelta, get_month_names

from retriever.languages.digits import native_digits
from retriever.languages.months import month_names, normalize_text
from retriever.languages.scripts import UNSPACED
from retriever.types import Month


@dataclass(frozen=True, slots=True)
class MonthShift:
    """A month and a span of whole months, 0 or more, after it or before it."""

    start: Month
    months: int
    after: bool

    @property
    def result(self) -> Month:
        """The month asked for."""
        return self.start + (self.months if self.after else -self.months)


def random_shifts(count: int, years: range, rng: random.Random) -> list[MonthShift]:
    """Months of these years, and spans of up to ten years and eleven months, as TempReason's are, within the calendar.

    Raises ValueError if the years are not.
    """
    if not years or not (Month(years[0], 1).exists and Month(years[-1], 1).exists):
        raise ValueError(f"There is no calendar for {years}.")
    sums: list[MonthShift] = []
    while len(sums) < count:
        sum_ = MonthShift(Month(rng.choice(years), rng.randint(1, 12)), rng.randint(1, 131), rng.random() < 0.5)
        if sum_.result.exists:
            sums.append(sum_)
    return sums


@dataclass(frozen=True, slots=True)
class Phrases:
    """A language's file."""

    question: str
    date: str
    join: str
    after: list[str]
    before: list[str]
    years: list[str]
    months: list[str]
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
    """Languages with a phrase file."""
    folder = files("retriever").joinpath("temporal", "phrases")
    return tuple(sorted(e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml")))


@functools.cache
def phrases(language: str) -> Phrases:
    """The phrases of a language. Raises TypeError if its file lacks a key or has one too many."""
    file = files("retriever").joinpath("temporal", "phrases", f"{language}.toml")
    return Phrases(**tomllib.loads(file.read_text(encoding="utf-8")))


def write_question(sum_: MonthShift, language: str) -> str:
    """The question in a language: in its phrases, or without a phrase file in CLDR's words and signs.

    "1241年10月 + 7 年 + 5 か月 = ?" needs nothing but names of months, plurals and digits. The month must then exist,
    and CLDR know the language.
    """
    if language in languages():
        return _fill(phrases(language).question, sum_, language)
    sign = "+" if sum_.after else "−"
    parts = [format_month(sum_.start, language), *_spans(sum_.months, language)]
    return native_digits(f" {sign} ".join(parts), language) + " = ?"


def write_answer(sum_: MonthShift, language: str) -> str:
    """The result in a language, shown as calculated; or that there is no such date."""
    own = phrases(language)
    if not (sum_.start.exists and sum_.result.exists):
        return own.impossible
    return _fill(own.answer, sum_, language, result=format_month(sum_.result, language))


def format_month(month: Month, language: str) -> str:
    """A month that exists, as a language writes it: "martie 1249", "1249年3月", "مارس ۱۲۴۹" in Persian."""
    day = datetime.date(month.year, month.month, 1)
    text = str(format_skeleton("yMMMM", day, locale=language))
    return native_digits(regex.sub(r"\s*г\.$", "", text), language)


def parse_shift(question: str, language: str) -> MonthShift | None:
    """The sum that a question asks for, if it asks for nothing else; None otherwise.

    There must be one month with its year, a span of years or months, one word of direction, and beside them only the
    words that such questions are made of.
    """
    if language not in languages():
        return None
    own = phrases(language)
    text = normalize_text(question)
    dates = _dates(language)
    found = list(dates.finditer(text))
    if len(found) != 1:
        return None
    groups = found[0].groupdict()
    names = month_names(language)
    number = int(groups["n"]) if groups.get("n") else names[groups["m"]]
    start = Month(int(groups["y"]), number)
    rest = text[: found[0].start()] + " ; " + text[found[0].end() :]
    months, rest = _take_spans(rest, language)
    direction, rest = _take_direction(rest, own)
    if months is None or direction is None or not 1 <= number <= 12 or not _only_filler(rest, own.filler):
        return None
    return MonthShift(start, months, direction)


def _fill(template: str, sum_: MonthShift, language: str, **more: str) -> str:
    own = phrases(language)
    name = str(get_month_names("wide", "format", locale=language)[sum_.start.month])
    text = Template(template).substitute(
        duration=own.join.join(_spans(sum_.months, language)),
        direction=(own.after if sum_.after else own.before)[0],
        date=Template(own.date).substitute(month=name, number=sum_.start.month, year=sum_.start.year),
        **more,
    )
    return native_digits(" ".join(text.split()), language)


def _spans(months: int, language: str) -> list[str]:
    """A number of months as years and months, in words; at least one span."""
    counts = zip(divmod(months, 12), ("year", "month"), strict=True)
    return [_span(count, unit, language) for count, unit in counts if count] or [_span(0, "month", language)]


@functools.cache
def _span(count: int, unit: str, language: str) -> str:
    """A number of years or months in words: "21 de ani", "سنتان", "7年"."""
    days = {"year": 365, "month": 30.5}[unit] * count
    span = datetime.timedelta(days=days)
    return str(format_timedelta(span, granularity=unit, threshold=float("inf"), locale=language))  # type: ignore[arg-type]


@functools.cache
def _dates(language: str) -> "regex.Pattern[str]":
    """A month with its year, in the language's order."""
    names = "|".join(regex.escape(name) for name in sorted(month_names(language), key=len, reverse=True))
    if "年" in phrases(language).date:
        return regex.compile(r"(?P<y>\d{1,4})\s*年\s*(?P<n>\d{1,2})\s*月")
    between = r"(?:[\s,.]|\b(?:de|del|of|din|năm|lui|anul)\b)*"
    before = "" if UNSPACED.search(names) else r"(?<!\p{L})"
    return regex.compile(
        rf"{before}(?P<m>{names})(?![\p{{L}}\p{{M}}]){between}(?P<y>\d{{1,4}})(?!\d)(?:\s*(?:года|г\.?))?"
    )


@functools.cache
def _span_patterns(language: str) -> list[tuple["regex.Pattern[str]", int, int | None]]:
    """(pattern, months in one, count if the words alone say it: Arabic has a dual), those with a number first."""
    own = phrases(language)
    found: list[tuple[regex.Pattern[str], int, int | None]] = []
    for unit, words, months in (("year", own.years, 12), ("month", own.months, 1)):
        alone = {normalize_text(_span(n, unit, language)): n for n in (1, 2)}
        for text, count in alone.items():
            if not any(c.isdigit() for c in text):
                found.append((regex.compile(rf"(?<!\p{{L}}){regex.escape(text)}(?!\p{{L}})"), months, count))
        either = "|".join(regex.escape(normalize_text(word)) for word in sorted(words, key=len, reverse=True))
        edge = "" if UNSPACED.search(words[0]) else r"(?!\p{L})"
        found.append((regex.compile(rf"(?P<c>\d+)\s*(?:de\s+)?(?:{either}){edge}"), months, None))
        found.append((regex.compile(rf"(?<!\p{{L}})(?:{either})\s+(?P<c>\d+)"), months, None))
    return sorted(found, key=lambda row: row[2] is not None)


def _take_spans(text: str, language: str) -> tuple[int | None, str]:
    """Months of all spans, None if there is none, and the text without them."""
    total: int | None = None
    for pattern, months, count in _span_patterns(language):
        for match in pattern.finditer(text):
            total = (total or 0) + months * (count if count is not None else int(match["c"]))
        text = pattern.sub(" ; ", text)
    return total, text


def _take_direction(text: str, own: Phrases) -> tuple[bool | None, str]:
    for after, words in ((True, own.after), (False, own.before)):
        for word in sorted(words, key=len, reverse=True):
            known = normalize_text(word)
            spaced = not UNSPACED.search(known)
            pattern = rf"(?<!\p{{L}}){regex.escape(known)}(?!\p{{L}})" if spaced else regex.escape(known)
            if regex.search(pattern, text):
                return after, regex.sub(pattern, " ; ", text, count=1)
    return None, text


def _only_filler(text: str, filler: list[str]) -> bool:
    words = regex.findall(r"[\p{L}\p{M}\p{N}-]+", text)
    known = {normalize_text(word) for word in filler}
    for word in words:
        if word in known:
            continue
        left = word
        if UNSPACED.search(word):
            for part in sorted(known, key=len, reverse=True):
                left = left.replace(part, "")
        if left.strip():
            return False
    return True

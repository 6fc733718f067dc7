"""Calendar arithmetic: "What is the time 7 years and 5 months after October 1241?"

These are TempReason's L1 questions. A small model guesses them; this module writes, reads and calculates them.
phrases/ holds one file a language: the question, the answers, and the words that such questions are made of. Names of
months, plurals and digits come from CLDR.
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
from retriever.languages.locales import parse_locale
from retriever.languages.months import month_names, normalize_text
from retriever.languages.scripts import UNSPACED
from retriever.types import Month


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
    units (`years`, `months`), and all others that such a question may hold (`filler`). `periods` and `timing` read the
    last four: words that ask for a time (`when`), mean the present (`now`), open a period (`since`) or join its two
    ends (`until`).
    """

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
    sign = "+" if shift.after else "−"
    terms = [format_month(shift.start, language), *_spans(shift.months, language)]
    return native_digits(f" {sign} ".join(terms), language) + " = ?"


def write_answer(shift: MonthShift, language: str) -> str:
    """The answer in a language with phrases: the calculation and its result, or that there is no such date."""
    language_phrases = phrases(language)
    if not (shift.start.exists and shift.result.exists):
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


def parse_shift(question: str, language: str) -> MonthShift | None:
    """The shift that a question asks for; None if it asks for anything else, or in words that are not known.

    The question must hold the parts of a shift, and otherwise only words from the language's `filler`.

    >>> parse_shift("Was ist 3 Jahre nach Mai 2000?", "de")
    MonthShift(start=Month(year=2000, month=5), months=36, after=True)
    >>> parse_shift("Who was king 5 years after May 1990?", "en") is None
    True
    """
    found = find_shift(question, language)
    return found[0] if found and _is_filler(found[1], phrases(language).filler) else None


def find_shift(question: str, language: str) -> tuple[MonthShift, str] | None:
    """The shift that a question names, whatever it asks of it, and its other words; None if it names none.

    It must hold one month with its year, a span of years or months, a word of direction, and no other number.

    >>> find_shift("Who was king 5 years after May 1990?", "en")[0]
    MonthShift(start=Month(year=1990, month=5), months=60, after=True)
    """
    if language not in languages():
        return None
    language_phrases = phrases(language)
    text = normalize_text(question)
    dates = list(_date_pattern(language).finditer(text))
    if len(dates) != 1:
        return None
    date, groups = dates[0], dates[0].groupdict()
    number = int(groups["n"]) if groups.get("n") else month_names(language)[groups["m"]]
    start = Month(int(groups["y"]), number)
    rest = text[: date.start()] + " ; " + text[date.end() :]
    months, rest = _take_spans(rest, language)
    after, rest = _take_direction(rest, language_phrases)
    is_partly_read = regex.search(r"\d", rest)  # a span in words that are not known
    if months is None or after is None or is_partly_read or not 1 <= number <= 12:
        return None
    return MonthShift(start, months, after), rest


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
    return [_span(count, unit, language) for count, unit in counts if count] or [_span(0, "month", language)]


@functools.cache
def _span(count: int, unit: str, language: str) -> str:
    """A number of years or months in words: "21 de ani", "سنتان", "7年"."""
    days = {"year": 365, "month": 30.5}[unit] * count
    span = datetime.timedelta(days=days)
    return str(format_timedelta(span, granularity=unit, threshold=float("inf"), locale=language))  # type: ignore[arg-type]


@functools.cache
def _date_pattern(language: str) -> "regex.Pattern[str]":
    """A month with its year (group y), in the language's order; the month is a number (n) or a name (m)."""
    names = "|".join(regex.escape(name) for name in sorted(month_names(language), key=len, reverse=True))
    if "年" in phrases(language).date:
        return regex.compile(r"(?P<y>\d{1,4})\s*年\s*(?P<n>\d{1,2})\s*月")
    between = r"(?:[\s,.]|\b(?:de|del|of|din|năm|lui|anul)\b)*"
    before = "" if UNSPACED.search(names) else r"(?<!\p{L})"
    return regex.compile(
        rf"{before}(?P<m>{names})(?![\p{{L}}\p{{M}}]){between}(?P<y>\d{{1,4}})(?!\d)(?:\s*(?:года|г\.?))?"
    )


@dataclass(frozen=True, slots=True)
class _SpanPattern:
    """A pattern of one span of time: its unit in months, and its number of units.

    The number is in the pattern's group c, or is `count` where the words alone say it: Arabic has a dual.
    """

    pattern: "regex.Pattern[str]"
    unit: int
    count: int | None = None


@functools.cache
def _span_patterns(language: str) -> list[_SpanPattern]:
    """The patterns of spans in a language, those with a number in digits first."""
    language_phrases = phrases(language)
    patterns: list[_SpanPattern] = []
    for unit, words, months in (("year", language_phrases.years, 12), ("month", language_phrases.months, 1)):
        count_by_text = {normalize_text(_span(count, unit, language)): count for count in (1, 2)}
        for text, count in count_by_text.items():
            if not any(c.isdigit() for c in text):
                pattern = regex.compile(rf"(?<!\p{{L}}){regex.escape(text)}(?!\p{{L}})")
                patterns.append(_SpanPattern(pattern, months, count))
        any_word = "|".join(regex.escape(normalize_text(word)) for word in sorted(words, key=len, reverse=True))
        edge = "" if UNSPACED.search(words[0]) else r"(?!\p{L})"
        number_first = regex.compile(rf"(?P<c>\d+)\s*(?:de\s+)?(?:{any_word}){edge}")
        word_first = regex.compile(rf"(?<!\p{{L}})(?:{any_word})\s+(?P<c>\d+)")
        patterns += [_SpanPattern(number_first, months), _SpanPattern(word_first, months)]
    return sorted(patterns, key=lambda row: row.count is not None)


def _take_spans(text: str, language: str) -> tuple[int | None, str]:
    """The months of all spans together, None if there is no span; and the text without the spans."""
    total: int | None = None
    for row in _span_patterns(language):
        for match in row.pattern.finditer(text):
            total = (total or 0) + row.unit * (row.count if row.count is not None else int(match["c"]))
        text = row.pattern.sub(" ; ", text)
    return total, text


def _take_direction(text: str, language_phrases: Phrases) -> tuple[bool | None, str]:
    """Whether the text says "after" (True) or "before" (False), None if neither; and the text without that word."""
    for is_after, words in ((True, language_phrases.after), (False, language_phrases.before)):
        for word in map(normalize_text, sorted(words, key=len, reverse=True)):
            is_unspaced = UNSPACED.search(word)
            pattern = regex.escape(word) if is_unspaced else rf"(?<!\p{{L}}){regex.escape(word)}(?!\p{{L}})"
            if regex.search(pattern, text):
                return is_after, regex.sub(pattern, " ; ", text, count=1)
    return None, text


def _is_filler(text: str, filler: list[str]) -> bool:
    """Whether the text has no word but filler words; a word of an unspaced script may be several of them."""
    filler_words = {normalize_text(word) for word in filler}
    for word in regex.findall(r"[\p{L}\p{M}\p{N}-]+", text):
        if word in filler_words:
            continue
        rest = word
        if UNSPACED.search(word):
            for part in sorted(filler_words, key=len, reverse=True):
                rest = rest.replace(part, "")
        if rest.strip():
            return False
    return True

"""Calendar arithmetic read by its parts: a month with its year, spans of years and months, and "before" or "after".

The parts are read in every language of CLDR: names of months and words for units are CLDR's and dateparser's, number
words num2words's. Words of direction are known in the languages with a file of phrases; `retriever.temporal.intent`
tells the direction in the others.
"""

import functools
from dataclasses import dataclass

import regex

from retriever.languages.scripts import PREFIXING, UNSPACED
from retriever.temporal import arithmetic
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.units import (
    MIN_STEM,
    UNITS,
    fold,
    month_stems,
    number_follows,
    number_words,
    unit_forms,
    whole_units,
)
from retriever.types import Month

LONGEST_ENDING = 6
BUDDHIST_YEARS = 543
_EAST_ASIAN = regex.compile(r"(?<!\d)(?P<y>\d{1,4})\s*[年년]\s*(?P<n>\d{1,2})\s*[月월]")
_NUMERIC = regex.compile(r"(?<![\d/.-])(?:(?P<n>\d{1,2})[/.](?P<y>\d{4})|(?P<y>\d{4})-(?P<n>\d\d))(?![\d/-]|\.\d)")
_WORDS_BETWEEN = r"(?:[\p{L}\p{M}'’.․]{1,12}[\s,.]+){0,2}?"
"""Between a month and its year: "mai a anului 1990", "1990 წლის მაისი"."""


@dataclass(frozen=True, slots=True)
class NamedShift:
    """The parts of a shift that a question names; `rest` is its other words.

    `after` is None if the language's words of direction are not known, or the question has none of them.
    """

    start: Month
    months: int
    after: bool | None
    rest: str


def parse_shift(question: str, language: str) -> MonthShift | None:
    """The shift that a question asks for; None if it asks for anything else, or in words that are not known.

    The question must hold the parts of a shift, and otherwise only words from the language's `filler`.

    >>> parse_shift("Was ist 3 Jahre nach Mai 2000?", "de")
    MonthShift(start=Month(year=2000, month=5), months=36, after=True)
    >>> parse_shift("Who was king 5 years after May 1990?", "en") is None
    True
    """
    named = find_shift(question, language)
    return plain_shift(named, language) if named else None


def plain_shift(named: NamedShift, language: str) -> MonthShift | None:
    """The shift, if the question's other words are all from the language's `filler`."""
    if named.after is None or not _is_filler(named.rest, arithmetic.phrases(language).filler):
        return None
    return MonthShift(named.start, named.months, named.after)


def find_shift(question: str, language: str) -> NamedShift | None:
    """The parts of a shift, whatever the question asks of it; None if it names none.

    It must hold one month with its year, a span of years or months, and no other number.

    >>> named = find_shift("Jaki miesiąc jest 5 lat po maju 1990?", "pl")
    >>> named.start, named.months, named.after
    (Month(year=1990, month=5), 60, None)
    """
    text = fold(question)
    dates = _find_dates(text, language)
    if len({month for _, _, month in dates}) != 1:
        return None
    for start, end, _ in reversed(dates):
        text = f"{text[:start]} ; {text[end:]}"
    months, rest = _take_spans(text, language)
    if months is None or regex.search(r"\d", rest):  # a span in words that are not known
        return None
    after, rest = _take_direction(rest, language)
    return NamedShift(dates[0][2], months, after, rest)


def _find_dates(text: str, language: str) -> list[tuple[int, int, Month]]:
    """The months with their years in a folded text, with their offsets."""
    stems = month_stems(language)
    for pattern in (_EAST_ASIAN, _NUMERIC, *_date_patterns(language)):
        dates = []
        for match in pattern.finditer(text):
            groups = match.groupdict()
            number = int(groups["n"]) if groups.get("n") else stems[groups["m"]]
            year = int(groups["y"]) - (BUDDHIST_YEARS if "พ.ศ" in match.group() else 0)
            if 1 <= number <= 12:
                dates.append((match.start(), match.end(), Month(year, number)))
        if dates:
            return dates
    return []


@functools.cache
def _date_patterns(language: str) -> list["regex.Pattern[str]"]:
    """Patterns of a month (stem m) with its year (y), the surest first."""
    stems = sorted(month_stems(language), key=len, reverse=True)
    if not stems:
        return []
    name = f"(?P<m>{'|'.join(map(regex.escape, stems))})"
    is_spaced = not any(map(UNSPACED.search, stems))
    word = rf"{_edge(stems)}{name}{_ENDING}(?![\p{{L}}\p{{M}}])" if is_spaced else name
    year_word = r"(?!\d)(?:\s*(?:года|г\.?))?"
    return [
        regex.compile(rf"{word}[\s,.\-–/]*{_WORDS_BETWEEN}(?P<y>\d{{3,4}}){year_word}"),
        regex.compile(rf"(?<!\d)(?P<y>\d{{3,4}})(?:[\-'’()\p{{L}}\p{{M}}]{{0,6}}[\s,.]*){_WORDS_BETWEEN}{word}"),
        regex.compile(rf"{word}[\s,.]*(?:(?:de|del|of|năm|lui|anul)\s+)?(?P<y>\d{{1,2}}){year_word}"),
    ]


_ENDING = rf"[\p{{L}}\p{{M}}]{{0,{LONGEST_ENDING}}}"


def _edge(words: list[str]) -> str:
    """The start of a word; in Arabic and Hebrew a letter for "and", "in" or "to" may precede it."""
    prefix = "[وفبلكובלמהש]{0,2}" if any(map(PREFIXING.search, words)) else ""
    return rf"(?<![\p{{L}}\p{{M}}]){prefix}"


def _take_spans(text: str, language: str) -> tuple[int | None, str]:
    """The months of all spans together, None if there is no span; and the text without the spans."""
    total: int | None = None
    numbers = number_words(language)
    for unit, months in UNITS.items():
        for pattern in _span_patterns(language, unit):
            for match in pattern.finditer(text):
                word = match["c"]
                total = (total or 0) + months * (int(word) if word.isdigit() else numbers[word])
            text = pattern.sub(" ; ", text)
        for form, count in whole_units(language)[unit].items():
            pattern = _whole_unit_pattern(form, count, language)
            total = (total or 0) + months * count if pattern.search(text) else total
            text = pattern.sub(" ; ", text)
    return total, text


@functools.cache
def _span_patterns(language: str, unit: str) -> list["regex.Pattern[str]"]:
    """Patterns of a number (c) with its unit: "3 years", "38 de luni", and where CLDR writes it so, "miaka 3"."""
    forms = unit_forms(language)[unit]
    if not forms:
        return []
    words = sorted(number_words(language), key=len, reverse=True)
    number = rf"(?P<c>\d+{''.join(f'|{regex.escape(word)}' for word in words)})"
    alternatives = [
        regex.escape(form) + (_ENDING if len(form) >= MIN_STEM and not UNSPACED.search(form) else "")
        for form in sorted(forms, key=len, reverse=True)
    ]
    end = "" if any(map(UNSPACED.search, forms)) else r"(?![\p{L}\p{M}])"
    unit_word = f"(?:{'|'.join(alternatives)}){end}"
    number_edge = "(?<![哪几幾一二三四五六七八九十百千])" if any(map(UNSPACED.search, words)) else _edge(words)
    patterns = [regex.compile(rf"{number_edge}{number}[\s-]*(?:[\p{{L}}\p{{M}}]{{1,3}}\s+)?{unit_word}")]
    if number_follows(language):
        patterns.append(regex.compile(rf"{_edge([*forms])}{unit_word}\s+{number}(?![\p{{L}}\p{{M}}\d])"))
    return patterns


@functools.cache
def _whole_unit_pattern(form: str, count: int, language: str) -> "regex.Pattern[str]":
    """A unit without a number: شهرين, two months.

    The word for one is also in "which month", so "after", "before", "by" or "and" precedes it.
    """
    word = rf"{regex.escape(form)}(?![\p{{L}}\p{{M}}])"
    if count > 1:
        return regex.compile(_edge([form]) + word)
    phrases = arithmetic.phrases(language) if language in arithmetic.languages() else None
    before = "|".join(fold(text) for text in (*phrases.after, *phrases.before)) if phrases else "(?!)"
    return regex.compile(rf"(?<=(?<![\p{{L}}\p{{M}}])(?:(?:{before})\s+|[بو]\s*)){word}(?!\s*;)")


def _take_direction(text: str, language: str) -> tuple[bool | None, str]:
    """Whether the text says "after" (True) or "before" (False), and the text without that word.

    None if it says neither, or both: "nach dem Kalender, 3 Jahre vor Mai 1990".
    """
    if language not in arithmetic.languages():
        return None, text
    phrases = arithmetic.phrases(language)
    said = [
        (is_after, regex.sub(pattern, " ; ", text, count=1))
        for is_after, words in ((True, phrases.after), (False, phrases.before))
        if (pattern := _first_said(words, text))
    ]
    return said[0] if len(said) == 1 else (None, text)


def _first_said(words: list[str], text: str) -> str | None:
    """The pattern of the longest of these words that the text has."""
    for word in map(fold, sorted(words, key=len, reverse=True)):
        pattern = regex.escape(word) if UNSPACED.search(word) else rf"{_edge([])}{regex.escape(word)}(?!\p{{L}})"
        if regex.search(pattern, text):
            return pattern
    return None


def _is_filler(text: str, filler: list[str]) -> bool:
    """Whether the text has no word but filler words; a word of an unspaced script may be several of them."""
    filler_words = {fold(word) for word in filler}
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

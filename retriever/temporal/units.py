"""Words of calendar arithmetic in every language of CLDR: names of months, units and numbers, inflected."""

import functools
import importlib
import tomllib
import unicodedata
from importlib.resources import files
from itertools import combinations, takewhile

import regex
from num2words import num2words

from retriever.languages.locales import locale_of
from retriever.languages.months import month_names, normalize_text
from retriever.languages.scripts import UNSPACED
from retriever.temporal import arithmetic

UNITS = {"year": 12, "month": 1}
"""Months in a unit."""
_PLURAL_SAMPLES = (1, 2, 3, 5, 11, 21)
"""Numbers that between them have every plural form of CLDR."""
MIN_STEM = 3
"""Least letters of a word that may take an ending: Finnish "toukokuu" is also "toukokuun"."""
LARGEST_SPELLED = 130
_DATEPARSER_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MARKS = regex.compile(r"(?<=[\p{Greek}\p{Arabic}\p{Hebrew}])\p{Mn}+")


def fold(text: str) -> str:
    """The text as `normalize_text` has it, without the marks that Greek, Arabic and Hebrew often leave out.

    >>> fold("Μάιος ١٩٩٠")
    'μαιοσ 1990'
    """
    normal = unicodedata.normalize("NFD", normalize_text(text).replace("\u200c", " ").replace("\u200b", ""))
    return unicodedata.normalize("NFC", _MARKS.sub("", normal))


@functools.cache
def month_stems(language: str) -> dict[str, int]:
    """The months' numbers by the beginnings that their names keep in every case, the whole names among them."""
    names = {fold(name): number for name, number in month_names(language).items()}
    for number, key in enumerate(_DATEPARSER_MONTHS, 1):
        names |= {fold(name): number for name in _dateparser(language).get(key, []) if len(name) > 2}
    stems: dict[str, set[int]] = {}
    for name, number in names.items():
        cuts = 0 if UNSPACED.search(name) or name[-1:].isdigit() else (len(name) - 3) // 2
        for cut in range(min(cuts, 2) + 1):
            stems.setdefault(name[: len(name) - cut], set()).add(number)
    return names | {stem: numbers.pop() for stem, numbers in stems.items() if len(numbers) == 1 and stem not in names}


@functools.cache
def unit_forms(language: str) -> dict[str, frozenset[str]]:
    """The words for a year and for a month, by unit: every plural and case that CLDR, dateparser or phrases have.

    >>> sorted(unit_forms("cs")["year"])
    ['let', 'lety', 'léta', 'rok', 'rokem', 'roky', 'roků']
    """
    forms = {
        unit: {word for word in _dateparser(language).get(unit, []) if len(word) > 1 or UNSPACED.search(word)}
        | set(_more_words().get(language, {}).get(unit, []))
        for unit in UNITS
    }
    if language in arithmetic.languages():
        phrases = arithmetic.phrases(language)
        forms["year"] |= set(phrases.years)
        forms["month"] |= set(phrases.months)
    words = {unit: _cldr_words(language, unit) for unit in arithmetic.DAYS}
    for unit in UNITS:
        others = set().union(*(words[other] for other in arithmetic.DAYS if other != unit))
        forms[unit] |= words[unit] - others
    folded = {unit: set(map(fold, forms[unit])) for unit in UNITS}
    stems = {unit: _common_stems(folded[unit]) for unit in UNITS}
    return {
        "year": frozenset(folded["year"] | (stems["year"] - stems["month"])),
        "month": frozenset(folded["month"] | (stems["month"] - stems["year"])),
    }


def _common_stems(words: set[str]) -> set[str]:
    """What two of the words begin with, from MIN_STEM letters on."""
    stems = set()
    for left, right in combinations((word for word in words if not UNSPACED.search(word)), 2):
        same = takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
        stems.add("".join(letter for letter, _ in same))
    return {stem for stem in stems if len(stem) >= MIN_STEM}


@functools.cache
def number_follows(language: str) -> bool:
    """Whether CLDR writes a number of years after the word for them: Swahili "miaka 3"."""
    return any(regex.search(r"\p{L}\s\d+$", text) for text in _spans(language, "year", 3)[:1])


@functools.cache
def _more_words() -> dict[str, dict[str, list[str]]]:
    file = files("retriever").joinpath("temporal", "units.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


@functools.cache
def whole_units(language: str) -> dict[str, dict[str, int]]:
    """Words that say a unit with its number, by unit: Arabic شهرين is two months."""
    return {
        unit: {
            word: count
            for count in (1, 2)
            for text in _spans(language, unit, count)
            if not regex.search(r"\d", text)
            for word in text.split()
            if word in unit_forms(language)[unit]
        }
        for unit in UNITS
    }


@functools.cache
def number_words(language: str) -> dict[str, int]:
    """Number words by num2words, and those of the language's phrases."""
    words: dict[str, int] = {}
    for number in range(1, LARGEST_SPELLED + 1):
        try:
            words.setdefault(fold(num2words(number, lang=language)), number)
        except (NotImplementedError, TypeError, ValueError, KeyError, IndexError, OverflowError):
            break  # num2words does not know the language
    if language in arithmetic.languages():
        words |= {fold(word): number for word, number in arithmetic.phrases(language).numbers.items()}
    return {word: number for word, number in words.items() if not regex.search(r"\d", word)}


def _cldr_words(language: str, unit: str) -> set[str]:
    """The words of CLDR's spans of a unit, alone and relative to now: "3 years", "in 3 years", "3 years ago"."""
    texts = [text for count in _PLURAL_SAMPLES for text in _spans(language, unit, count)]
    return {word for text in texts for word in regex.findall(r"[\p{L}\p{M}'’]+", text)}


@functools.cache
def _spans(language: str, unit: str, count: int) -> list[str]:
    locale = locale_of(language)
    if locale is None:
        return []
    spans = [
        fold(arithmetic.write_span(signed, unit, locale, from_now=from_now))
        for signed, from_now in ((count, False), (count, True), (-count, True))
    ]
    return spans[:1] if UNSPACED.search(spans[0]) else spans  # 年後: the unit and the direction are one word


@functools.cache
def _dateparser(language: str) -> dict[str, list[str]]:
    """Dateparser's names of months and units in a language; empty if it does not know it."""
    locale = locale_of(language)
    code = locale.language if locale else language
    try:
        module = importlib.import_module(f"dateparser.data.date_translation_data.{code}")
    except ModuleNotFoundError:
        return {}
    return dict(module.info)

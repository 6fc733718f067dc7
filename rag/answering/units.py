"""Units of measurement in a text, by CLDR's names: a small model writes kilometres for metres."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import regex
from babel import Locale
from babel.units import format_unit

from retriever.languages.locales import locale_of
from retriever.languages.scripts import UNSPACED

UNITS = (
    *("length-kilometer", "length-meter", "length-centimeter", "length-millimeter", "length-mile", "length-foot"),
    *("mass-tonne", "mass-kilogram", "mass-gram", "mass-pound", "volume-liter"),
    *("duration-year", "duration-month", "duration-week", "duration-day", "duration-hour", "duration-minute"),
    "duration-second",
)
"""Those that are taken for each other."""
COUNTS = (1, 2, 3, 5, 11, 21, 100)
"""Numbers that between them need every plural form of a language."""


def find_units(text: str, language: str) -> frozenset[str]:
    """The UNITS that a text in a language names in whole words; none where CLDR does not know the language.

    >>> sorted(find_units("It is 1,642 metres deep, and 636 kilometers long.", "en"))
    ['length-kilometer', 'length-meter']
    """
    finder = _finder(language)
    return frozenset(finder.units[match.group().casefold()] for match in finder.pattern.finditer(text))


def unit_names(language: str) -> Mapping[str, str]:
    """The UNITS by their names in a language, in small letters."""
    return _finder(language).units


@dataclass(frozen=True, slots=True)
class _Finder:
    """An expression for all names of units in a language, and the unit of each."""

    pattern: "regex.Pattern[str]"
    units: dict[str, str]


@functools.cache
def _finder(language: str) -> _Finder:
    """The long names in every plural form, in British spelling too; the longest are found first."""
    locales = [locale for code in (("en", "en-GB") if language == "en" else (language,)) if (locale := locale_of(code))]
    units = {
        name: unit
        for unit in UNITS
        for locale in locales
        for count in COUNTS
        if len(name := _name(unit, count, locale)) > 1
    }
    longest_first = sorted(units, key=len, reverse=True)
    pattern = "|".join(map(_pattern, longest_first)) or "(?!)"
    return _Finder(regex.compile(pattern, flags=regex.IGNORECASE), units)


def _pattern(name: str) -> str:
    """A name as a whole word, or anywhere in a script without spaces."""
    if UNSPACED.search(name):
        return regex.escape(name)
    return rf"(?<![\p{{L}}\p{{M}}]){regex.escape(name)}(?![\p{{L}}\p{{M}}])"


def write_measure(number: Decimal | int, unit: str, locale: Locale) -> str:
    """A number of a unit in its long form, or the short one where CLDR leaves it at that, as in Chinese; else nothing.

    >>> write_measure(2, "length-meter", Locale("pl")), write_measure(2, "length-meter", Locale("zh"))
    ('2 metry', '2米')
    """
    texts = (str(format_unit(number, unit, length, locale=locale)) for length in ("long", "short"))
    return next((text for text in texts if unit not in text), "")


def _name(unit: str, count: int, locale: Locale) -> str:
    return str(regex.sub(r"\p{Nd}+", "", write_measure(count, unit, locale))).strip().casefold()

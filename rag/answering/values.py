"""Dates, measures and sums of money as a language writes them: what needs no translation by a model."""

import functools
from decimal import Decimal

import regex
from babel import Locale
from babel.dates import format_date
from babel.numbers import NumberFormatError, format_currency, get_currency_name, parse_decimal
from dateparser.date import DateDataParser

from rag.answering.number_values import NUMBER
from rag.answering.units import COUNTS, unit_names, write_measure
from retriever.languages.digits import ascii_digits, native_digits
from retriever.languages.locales import locale_of
from retriever.temporal.arithmetic import format_month
from retriever.types import Month

POUND = "mass-pound"
"""May be money as well."""
_AMOUNT = regex.compile(rf"(?P<number>{NUMBER.pattern})\s*(?P<name>[^\d\s].*)")


def localise_value(words: str, source_language: str, language: str) -> str | None:
    """Words that are a date, a measure or a sum of money, and nothing else, as a language writes them.

    None for all other words, and where CLDR knows one of the languages not. Months, units and currencies are CLDR's;
    dates are read by dateparser.

    >>> [localise_value(words, "en", "ro") for words in ("on 15 August 1914", "2,850 kilometres", "10 euros")]
    ['15 august 1914', '2.850 de kilometri', '10 euro']
    >>> [localise_value(words, "en", "ro") for words in ("before 15 August 1914", "about 330 metres", "1914")]
    [None, None, None]
    """
    source, target = locale_of(source_language), locale_of(language)
    if source is None or target is None:
        return None
    text = _date(words, source, language, target) or _amount(ascii_digits(words), source_language, source, target)
    return native_digits(text, language) if text else None


def _date(words: str, source: Locale, language: str, target: Locale) -> str | None:
    if not any(map(str.isalpha, words)):
        return None  # 04/10/1957 may be of April or of October
    parser = _date_parser(source.language)
    found = parser.get_date_data(words) if parser else None
    if found is None or found.date_obj is None or found.date_obj.time() != found.date_obj.time().min:
        return None
    if found.period == "month":
        return format_month(Month(found.date_obj.year, found.date_obj.month), language)
    return str(format_date(found.date_obj.date(), format="long", locale=target))


@functools.cache
def _date_parser(language: str) -> DateDataParser | None:
    """A reader of dates with month and year; None for languages that dateparser does not know."""
    try:
        return DateDataParser(
            languages=[language], settings={"PARSERS": ["absolute-time"], "REQUIRE_PARTS": ["month", "year"]}
        )
    except ValueError:
        return None


def _amount(words: str, source_language: str, source: Locale, target: Locale) -> str | None:
    match = _AMOUNT.fullmatch(words)
    number = _number(match["number"], source) if match else None
    if match is None or number is None:
        return None
    name = match["name"].casefold()
    unit = unit_names(source_language).get(name)
    if unit and unit != POUND:
        return write_measure(number, unit, target) or None
    if currency := _currency_names(source).get(name):
        return str(format_currency(number, currency, locale=target, format_type="name", currency_digits=False))
    return None


def _number(digits: str, source: Locale) -> Decimal | None:
    try:
        return parse_decimal(digits, locale=source, strict=True)
    except NumberFormatError:
        return None


@functools.cache
def _currency_names(locale: Locale) -> dict[str, str]:
    """The codes of currencies by their names in the plural forms of a language; a name of several is left out."""
    names: dict[str, str] = {}
    doubtful: set[str] = set()
    for code in locale.currencies:
        for name in {str(get_currency_name(str(code), count, locale=locale)).casefold() for count in COUNTS}:
            if names.setdefault(name, str(code)) != code:
                doubtful.add(name)
    return {name: code for name, code in names.items() if name not in doubtful}

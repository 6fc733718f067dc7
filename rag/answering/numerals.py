"""Numbers of sources as the answer's language writes them: a Dane reads the English "2,850" as less than three."""

from collections.abc import Iterable
from decimal import Decimal

import regex
from babel import Locale
from babel.numbers import format_decimal, get_decimal_symbol, get_group_symbol

from retriever.languages.locales import locale_of
from retriever.types import Passage


def localise_numbers(text: str, language: str, sources: Iterable[Passage]) -> str:
    """The text in a language, with grouped numbers copied from sources in other languages written its own way.

    Only a number that stands letter for letter in a source is changed. Languages that CLDR does not know, or that have
    other digits, keep their numbers.
    """
    locale = _latin_digit_locale(language)
    for passage in sources:
        source_locale = _latin_digit_locale(passage.language)
        if locale is None or source_locale is None or get_group_symbol(locale) == get_group_symbol(source_locale):
            continue
        group, decimal = get_group_symbol(source_locale), get_decimal_symbol(source_locale)
        grouped = rf"\d{{1,3}}(?:{regex.escape(group)}\d{{3}})+(?:{regex.escape(decimal)}\d+)?"
        for number in set(regex.findall(_whole_number(grouped), passage.text)):
            value = Decimal(number.replace(group, "").replace(decimal, "."))
            localised = format_decimal(value, locale=locale, decimal_quantization=False)
            text = regex.sub(_whole_number(regex.escape(number)), localised, text)
    return text


def _whole_number(pattern: str) -> str:
    """The pattern where it is no part of a longer number, date or version."""
    return rf"(?<![\d.,]){pattern}(?!\d|[.,]\d)"


def _latin_digit_locale(language: str) -> Locale | None:
    locale = locale_of(language)
    return locale if locale and locale.default_numbering_system == "latn" else None

"""Numbers of sources as the answer's language writes them: a Dane reads the English "2,850" as less than three."""

from collections.abc import Iterable
from decimal import Decimal

import regex
from babel import Locale
from babel.numbers import format_decimal, get_decimal_symbol, get_group_symbol

from retriever.languages.locales import locale_of
from retriever.types import Passage


def localise_numbers(text: str, language: str, sources: Iterable[Passage]) -> str:
    """The text with the grouped numbers that it took over from a source in another language written as its own does.

    Only what stands letter for letter in a source is a number in that source's writing; what CLDR does not know, or
    writes in other digits, stays as it is.
    """
    own = _locale(language)
    for passage in sources:
        theirs = _locale(passage.language)
        if own is None or theirs is None or get_group_symbol(own) == get_group_symbol(theirs):
            continue
        group, decimal = get_group_symbol(theirs), get_decimal_symbol(theirs)
        grouped = rf"\d{{1,3}}(?:{regex.escape(group)}\d{{3}})+(?:{regex.escape(decimal)}\d+)?"
        for number in set(regex.findall(_alone(grouped), passage.text)):
            value = Decimal(number.replace(group, "").replace(decimal, "."))
            ours = format_decimal(value, locale=own, decimal_quantization=False)
            text = regex.sub(_alone(regex.escape(number)), ours, text)
    return text


def _alone(number: str) -> str:
    """A pattern where it is no part of a longer number, date or version."""
    return rf"(?<![\d.,]){number}(?!\d|[.,]\d)"


def _locale(language: str) -> Locale | None:
    locale = locale_of(language)
    return locale if locale and locale.default_numbering_system == "latn" else None

"""Digits: of every script as ASCII digits, and ASCII digits as a language writes them."""

import functools
import unicodedata

from retriever.languages.locales import parse_locale

ZEROS = {
    "adlm": "𞥐",
    "arab": "٠",
    "arabext": "۰",
    "beng": "০",
    "cakm": "𑄶",
    "deva": "०",
    "hmnp": "𞅀",
    "latn": "0",
    "mtei": "꯰",
    "mymr": "၀",
    "nkoo": "߀",
    "olck": "᱐",
    "tibt": "༠",
}
"""The zero of each numbering system that is a language's default in CLDR. Babel names the system, but not its digits.
The other nine digits follow the zero in Unicode."""


def ascii_digits(text: str) -> str:
    """The text in NFC, with the digits of every script as ASCII ones.

    >>> ascii_digits("१९४७")
    '1947'
    """
    normal = unicodedata.normalize("NFC", text)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in normal)


def native_digits(text: str, language: str) -> str:
    """The text with its ASCII digits as the language writes them.

    >>> native_digits("1241", "fa")
    '۱۲۴۱'
    """
    return text.translate(_digits(language))


@functools.cache
def _digits(language: str) -> dict[int, int]:
    zero = ZEROS[parse_locale(language).default_numbering_system]
    return {ord(str(n)): ord(zero) + n for n in range(10)}

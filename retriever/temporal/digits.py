"""The digits that a language writes, by CLDR's numbering systems: babel names the system and writes ASCII digits."""

import functools

from babel import Locale

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
"""The zero of each system that some language has for its own; the nine others follow it in Unicode."""


def native_digits(text: str, language: str) -> str:
    """The text with its ASCII digits as the language writes them: "1241" in Persian is "۱۲۴۱"."""
    return text.translate(_digits(language))


@functools.cache
def _digits(language: str) -> dict[int, int]:
    zero = ZEROS[Locale.parse(language).default_numbering_system]
    return {ord(str(n)): ord(zero) + n for n in range(10)}

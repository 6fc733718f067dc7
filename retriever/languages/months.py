"""Names of months, from CLDR."""

import functools

from babel import Locale, UnknownLocaleError

from retriever.languages.digits import ascii_digits


def normalize_text(text: str) -> str:
    """The form in which dates and words of time are looked for: lower case, NFC, ASCII digits, plain spaces."""
    return ascii_digits(text.casefold()).replace("\u00a0", " ")


@functools.cache
def month_names(language: str, widths: tuple[str, ...] = ("wide", "abbreviated")) -> dict[str, int]:
    """Numbers of the months by their names, normalized; empty if CLDR does not know the language.

    >>> month_names("ro")["martie"]
    3
    """
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return {}
    return {
        normalize_text(str(name)).rstrip("."): number
        for context in ("format", "stand-alone")
        for width in widths
        for number, name in locale.months[context][width].items()
    }

"""Names of months, from CLDR."""

import functools

from babel import Locale, UnknownLocaleError

from retriever.languages.digits import ascii_digits


def normalize_text(text: str) -> str:
    """The text in lower case and NFC, with ASCII digits and plain spaces: the form in which dates are read.

    >>> normalize_text("Mai\u00a0१९९८")
    'mai 1998'
    """
    return ascii_digits(text.casefold()).replace("\u00a0", " ")


@functools.cache
def month_names(language: str, widths: tuple[str, ...] = ("wide", "abbreviated")) -> dict[str, int]:
    """The months' numbers by their normalized names; empty if CLDR does not know the language.

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

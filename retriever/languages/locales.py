"""CLDR's locales and names of languages."""

import functools

from babel import Locale, UnknownLocaleError

from retriever.languages.detection import ROMANISED_HINDI, UNKNOWN


def parse_locale(code: str) -> Locale:
    """CLDR's locale of a code, with hyphens or, as Babel writes it, underscores.

    Raises UnknownLocaleError or ValueError if there is none.
    """
    return Locale.parse(code.replace("-", "_"))


@functools.cache
def locale_of(language: str) -> Locale | None:
    """CLDR's locale of a language code, None if it has none, or the language is unknown."""
    if language == UNKNOWN:
        return None  # for CLDR it is the root, whose text is English
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def english_name(language: str) -> str:
    """The language's English name; a code that CLDR does not know is returned as it is.

    >>> english_name("ro"), english_name("und")
    ('Romanian', 'the language of the text')
    """
    if language == UNKNOWN:
        return "the language of the text"
    if language == ROMANISED_HINDI:
        return "Hinglish (romanised Hindi)"
    locale = locale_of(language)
    return (locale and locale.get_display_name("en")) or language


def native_name(language: str) -> str:
    """The language's name in itself.

    >>> native_name("ro")
    'română'
    """
    if language == ROMANISED_HINDI:
        return "Hinglish"
    locale = locale_of(language)
    return (locale and locale.get_display_name()) or language

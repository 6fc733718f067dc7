"""Scripts: which letters a language is written in, and what holds for their writing."""

from collections.abc import Sequence

import regex
from babel.core import get_global

from retriever.languages.detection import ROMANISED_HINDI


def letters_of(scripts: Sequence[str], also: str = "") -> str:
    r"""A regex character class of these scripts (Unicode property values), and of the characters in `also`.

    >>> letters_of(["Latin", "Greek"])
    '[\\p{Script=Latin}\\p{Script=Greek}]'
    """
    return "[" + "".join(rf"\p{{Script={script}}}" for script in scripts) + also + "]"


_KANA_AND_HAN = ("Han", "Hiragana", "Katakana")
_SOUTH_EAST_ASIAN = ("Thai", "Lao", "Khmer", "Myanmar")

UNSPACED = regex.compile(letters_of([*_KANA_AND_HAN, *_SOUTH_EAST_ASIAN, "Tibetan"], r"\u30fc") + "+")
"""A run of letters of scripts that put no spaces between words; character pairs stand in for words there."""
IDEOGRAPHIC = regex.compile(letters_of(_KANA_AND_HAN))
SOUTH_EAST_ASIAN = regex.compile(letters_of(_SOUTH_EAST_ASIAN))
DENSE = regex.compile(letters_of([*_KANA_AND_HAN, "Hangul", "Thai", "Khmer", "Lao"]))
"""Letters that say about as much as two Latin ones."""
CASED = regex.compile(letters_of(["Latin", "Greek", "Cyrillic"]))
"""Letters of scripts with capitals and accents."""
ALPHABETIC = regex.compile(letters_of(["Latin", "Cyrillic", "Greek", "Arabic", "Hebrew"]))
"""Letters of which a tokenizer takes two or three into one token."""
PREFIXING = regex.compile(letters_of(["Arabic", "Hebrew"]))
"""Letters of scripts that write "and", "in" and "to" as one word with what follows."""

_BY_CODE = {
    "Arab": ("Arabic",), "Beng": ("Bengali",), "Cyrl": ("Cyrillic",), "Deva": ("Devanagari",), "Grek": ("Greek",),
    "Hebr": ("Hebrew",), "Hans": ("Han",), "Hant": ("Han",), "Jpan": _KANA_AND_HAN, "Kore": ("Hangul",),
    "Khmr": ("Khmer",), "Laoo": ("Lao",), "Latn": ("Latin",), "Mymr": ("Myanmar",), "Taml": ("Tamil",),
    "Telu": ("Telugu",), "Thai": ("Thai",),
}  # fmt: skip
"""Unicode's script names by ISO 15924 code."""


def scripts_of(language: str) -> tuple[str, ...]:
    """The scripts a language is written in, by CLDR's likely subtags; empty if it is unknown.

    >>> scripts_of("ja")
    ('Han', 'Hiragana', 'Katakana')
    """
    if language == ROMANISED_HINDI:
        return ("Latin",)
    likely = get_global("likely_subtags").get(language.split("-")[0], "")
    return next((_BY_CODE[part] for part in likely.split("_") if part in _BY_CODE), ())

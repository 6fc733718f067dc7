"""Scripts: which letters a language is written in, and what holds for their writing."""

from collections.abc import Sequence

import regex
from babel.core import get_global


def letters_of(scripts: Sequence[str], also: str = "") -> str:
    r"""A regex character class of these scripts (names or ISO 15924 codes), and of the characters in `also`.

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

_PARTS = {
    "Hans": ("Hani",), "Hant": ("Hani",), "Hanb": ("Hani", "Bopo"), "Jpan": ("Hani", "Hira", "Kana"),
    "Jamo": ("Hang",), "Kore": ("Hang",), "Latf": ("Latn",), "Latg": ("Latn",),
}  # fmt: skip
"""CLDR's scripts that Unicode does not know, as those it does. All are ISO 15924 codes."""


def scripts_of(language: str) -> tuple[str, ...]:
    """ISO 15924 codes of the scripts that a language is written in: its tag's, else CLDR's likely; empty if unknown.

    >>> scripts_of("ja"), scripts_of("hi"), scripts_of("hi-Latn")
    (('Hani', 'Hira', 'Kana'), ('Deva',), ('Latn',))
    """
    code, _, script = language.partition("-")
    return _script_parts(script or get_global("likely_subtags").get(code, ""))


def is_written_in(text: str, scripts: Sequence[str]) -> bool:
    """Whether there are letters, and at least half of them are of these scripts.

    >>> is_written_in("Где Taj Mahal?", ["Cyrl"]), is_written_in("Где Махал?", ["Cyrl"])
    (False, True)
    """
    letters = [character for character in text if character.isalpha()]
    if not (letters and scripts):
        return False
    return 2 * len(regex.findall(letters_of(scripts), "".join(letters))) >= len(letters)


def likely_language(text: str) -> str | None:
    """The language that the script of the text is mostly used for, by CLDR; None if it names none, as for Latin.

    >>> likely_language("ຫໍໄອເຟວສູງເທົ່າໃດ?")
    'lo'
    """
    likely = get_global("likely_subtags").items()
    tags = (subtags for tag, subtags in likely if tag.startswith("und_") and len(tag) == len("und_Laoo"))
    return next((tag.partition("_")[0] for tag in tags if is_written_in(text, _script_parts(tag))), None)


def _script_parts(subtags: str) -> tuple[str, ...]:
    """The script among a language's subtags ("lo_Laoo_LA"), in Unicode's parts."""
    script = next((part for part in subtags.split("_") if len(part) == len("Laoo")), None)
    return _PARTS.get(script, (script,)) if script else ()

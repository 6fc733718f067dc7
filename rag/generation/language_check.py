"""Whether a text is in the language it should be in."""

import regex

from rag.generation.citation_marks import strip_citation_marks
from retriever.languages.detection import UNKNOWN, detect_language
from retriever.languages.scripts import letters_of, scripts_of

_CAPITALISED = regex.compile(r"\b\p{Lu}[\p{L}\p{M}'’-]*")
_CONFUSABLE = [
    {"id", "ms"}, {"hi", "mr", "ne"}, {"no", "nb", "nn", "da"}, {"cs", "sk"}, {"sr", "hr", "bs"}, {"tl", "fil"},
    {"zh", "yue", "wuu"}, {"pt", "gl"}, {"fa", "ps"}, {"hi-Latn", "ur", "hi"},
]  # fmt: skip
"""Languages that detection takes for each other."""
SHORT_LETTERS = 13
"""Texts with fewer letters ("Denver Broncos") do not show their language; only their script is checked."""
MIN_SCRIPT_SHARE = 0.5
"""Least share of a text's letters in its language's script; the rest may be names."""


def is_in_language(text: str, language: str) -> bool:
    """Whether a text is in a language; a text that is too short to show its language passes.

    Capitalised words are left out: names show nothing ("Peyton Manning a jucat la Super Bowl").

    >>> is_in_language("The university was founded in the year 1581.", "ro")
    False
    """
    words = regex.sub(r"[\d\p{P}\p{S}]+", " ", _CAPITALISED.sub(" ", strip_citation_marks(text)))
    letters = [character for character in words if character.isalpha()]
    if not letters or language == UNKNOWN:
        return True
    scripts = scripts_of(language)
    latin = scripts == ("Latn",)
    in_script = (
        len(regex.findall(rf"[{letters_of(scripts)}&&\p{{L}}]", words, flags=regex.V1)) if scripts else len(letters)
    )
    if len(letters) < SHORT_LETTERS:
        return True if in_script or latin else len(words.split()) <= 3
    if scripts and not latin and in_script < MIN_SCRIPT_SHARE * len(letters):
        return False
    detected = detect_language(words)
    if scripts and not latin and in_script >= MIN_SCRIPT_SHARE * len(letters) and detected in ("en", UNKNOWN):
        return True  # names in Latin letters amid the right script
    return detected == language or any({detected, language} <= group for group in _CONFUSABLE)

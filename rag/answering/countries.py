"""Countries that questions and sources name, in whatever languages: what is said of one answers nothing on another.

Small models tell the capital of Brazil when asked for Egypt's, if a passage on Brazil is what they were given.
"""

import functools
from collections.abc import Sequence

import regex

from rag.answering.claims import Claim, Source
from retriever.languages.locales import locale_of
from retriever.languages.scripts import IDEOGRAPHIC, PREFIXING, SOUTH_EAST_ASIAN
from retriever.types import Passage

_PARTICLES = "[وفبلكובלמהש]{0,2}"
"""Letters that Arabic and Hebrew write before a name, as one word with it: "and", "in", "to", "as"."""
_VOWELS = "aeiouyăаеиіоуыюяαειουη"
LEAST_UNSPACED = 4
"""Shorter names are parts of other words where nothing divides words: ลาว (Laos) in ลาวัวซิเอร์ (Lavoisier)."""
ENDINGS = (2, 4)
"""Most letters of a case ending, after a stem of up to four letters and a longer one: "Indi-ei", "Egipt-ului"."""


@functools.cache
def _names(language: str) -> dict[str, str]:
    """Names of countries in a language by their ISO codes, as far as CLDR names them there."""
    locale = locale_of(language)
    territories = locale.territories if locale else {}
    return {code: name for code, name in territories.items() if code.isalpha() and code not in ("EU", "EZ", "UN", "ZZ")}


def _pattern(name: str, language: str) -> str:
    """A regular expression for a name and its cases, not for what is made of it ("Indian", "brasileiro")."""
    if SOUTH_EAST_ASIAN.match(name) or IDEOGRAPHIC.match(name):
        return regex.escape(name)
    before = rf"(?<![\p{{L}}\p{{M}}]){_PARTICLES if PREFIXING.match(name) else ''}"
    if language == "en":
        return rf"{before}{regex.escape(name)}(?![\p{{L}}\p{{M}}])"
    stem = name[:-1] if len(name) > 4 and name[-1] in _VOWELS else name
    return rf"{before}{regex.escape(stem)}[\p{{L}}\p{{M}}]{{0,{ENDINGS[len(stem) > 4]}}}(?![\p{{L}}\p{{M}}])"


@functools.cache
def _finder(language: str) -> "regex.Pattern[str] | None":
    """One expression for all names, each a group of its code, the longest first; None where CLDR knows none."""
    longest_first = sorted(_names(language).items(), key=lambda pair: -len(pair[1]))
    groups = [
        f"(?P<{code}>{_pattern(name, language)})"
        for code, name in longest_first
        if len(name) >= LEAST_UNSPACED or not SOUTH_EAST_ASIAN.match(name)
    ]
    return regex.compile("|".join(groups)) if groups else None


def find_countries(text: str, language: str) -> dict[str, str]:
    """The countries that a text in a language names: the words for each by its ISO code."""
    finder = _finder(language)
    if finder is None:
        return {}
    return {str(match.lastgroup): match.group() for match in finder.finditer(text)}


def uncovered_countries(question: str, language: str, cited: Sequence[tuple[Passage, Source]]) -> list[str]:
    """The question's countries, as it names them, if the passages name others and none of these.

    Passages that name no country may well be about the one asked for: a town hall does not say where it stands. A
    country's name is looked for with what sounds like it ("Egyptian", "UK"), but not by the encoder, to which Egypt and
    Ethiopia mean the same.
    """
    asked = find_countries(question, language)
    for passage, source in cited:
        for code, surface in asked.items():
            called = _names(passage.language).get(code, surface)
            initials = "".join(word[0] for word in called.split())
            names = {surface, called, initials if len(initials) > 1 else called}
            if any(source.holds(Claim("name", name)) for name in names):
                return []
    about_others = asked and any(find_countries(passage.embedded_text, passage.language) for passage, _ in cited)
    return list(asked.values()) if about_others else []

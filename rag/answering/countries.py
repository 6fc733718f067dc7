"""Countries that questions and sources name, in any language: a passage on one country says nothing of another.

Small models name the capital of Brazil when asked for Egypt's, if their passages are about Brazil.
"""

import functools
from collections.abc import Sequence

import regex
from rapidfuzz import fuzz

from rag.answering.claims import Source
from rag.answering.names import is_same_name, romanise
from retriever.languages.locales import locale_of
from retriever.languages.scripts import CASED, IDEOGRAPHIC, PREFIXING, SOUTH_EAST_ASIAN
from retriever.types import Passage

_PARTICLES = "[وفبلكובלמהש]{0,2}"
"""Letters that Arabic and Hebrew write before a name, as one word with it: "and", "in", "to", "as"."""
_VOWELS = "aeiouyăаеиіоуыюяαειουη"
MIN_UNSPACED_LETTERS = 4
"""In scripts without spaces shorter names are found inside other words: ลาว (Laos) in ลาวัวซิเอร์ (Lavoisier)."""
SHORT_STEM = 4
MAX_ENDING_AFTER_SHORT_STEM = 2
"""Most letters of a case ending after a stem of up to SHORT_STEM letters: "Indi-ei"."""
COMMON_STEM = 4
"""Letters that an adjective without a capital shares with its country: "grec", "brasileiro"."""
MAX_ENDING = 4
"""The same after a longer stem: "Egipt-ului"."""


@functools.cache
def _country_names(language: str) -> dict[str, str]:
    """Names of countries in a language by their ISO codes, as far as CLDR names them there."""
    locale = locale_of(language)
    territories = locale.territories if locale else {}
    return {code: name for code, name in territories.items() if code.isalpha() and code not in ("EU", "EZ", "UN", "ZZ")}


def _pattern(name: str, language: str) -> str:
    """A regular expression for a name in any case, not for words derived from it ("Indian", "brasileiro")."""
    if SOUTH_EAST_ASIAN.match(name) or IDEOGRAPHIC.match(name):
        return regex.escape(name)
    before = rf"(?<![\p{{L}}\p{{M}}]){_PARTICLES if PREFIXING.match(name) else ''}"
    if language == "en":
        return rf"{before}{regex.escape(name)}(?![\p{{L}}\p{{M}}])"
    stem = name[:-1] if len(name) > SHORT_STEM and name[-1] in _VOWELS else name
    max_ending = MAX_ENDING if len(stem) > SHORT_STEM else MAX_ENDING_AFTER_SHORT_STEM
    return rf"{before}{regex.escape(stem)}[\p{{L}}\p{{M}}]{{0,{max_ending}}}(?![\p{{L}}\p{{M}}])"


@functools.cache
def _finder(language: str) -> "regex.Pattern[str] | None":
    """One expression for all names, each a group of its code, the longest first; None where CLDR knows none."""
    longest_first = sorted(_country_names(language).items(), key=lambda pair: -len(pair[1]))
    groups = [
        f"(?P<{code}>{_pattern(name, language)})"
        for code, name in longest_first
        if len(name) >= MIN_UNSPACED_LETTERS or not SOUTH_EAST_ASIAN.match(name)
    ]
    return regex.compile("|".join(groups)) if groups else None


def find_countries(text: str, language: str) -> dict[str, str]:
    """The countries that a text in a language names: the words for each by its ISO code.

    >>> find_countries("Care este capitala Egiptului?", "ro")
    {'EG': 'Egiptului'}
    """
    finder = _finder(language)
    if finder is None:
        return {}
    return {str(match.lastgroup): match.group() for match in finder.finditer(text)}


def uncovered_countries(question: str, language: str, cited: Sequence[tuple[Passage, Source]]) -> list[str]:
    """The question's countries, as it names them, if the passages name others and none of these.

    Passages that name no country may well be about the question's: a town hall does not say where it stands. Names are
    compared by spelling, so that "Egyptian" and "UK" count, and not by the encoder, to which Egypt and Ethiopia are the
    same. A word counts for the country whose name it is nearest to: "Australian" says nothing of Austria.
    """
    countries = find_countries(question, language)
    if not countries:
        return []
    named = [find_countries(passage.embedded_text, passage.language) for passage, _ in cited]
    for (passage, source), codes in zip(cited, named, strict=True):
        for code, surface in countries.items():
            if code in codes or _is_spelled(code, surface, passage.language, source):
                return []
    return list(countries.values()) if any(named) else []


def _is_spelled(code: str, surface: str, language: str, source: Source) -> bool:
    """Whether a word of a source in a language spells a country, which a question names by `surface`."""
    all_names = _romanised_names(language)
    local_name = _country_names(language).get(code, surface)
    initials = "".join(word[0] for word in local_name.split())
    names = {romanise(name) for name in (surface, local_name, initials if len(initials) > 1 else local_name)}
    stems = tuple(name[:COMMON_STEM] for name in names if len(name) >= COMMON_STEM)  # initials, such as "us", have none
    for word, spelled in zip(source.words, source.romanised, strict=True):
        is_common = CASED.match(word) is not None and not word[0].isupper()  # only adjectives are written so
        for name in names:
            if spelled.startswith(stems) if is_common else is_same_name(name, spelled):
                likeness = fuzz.ratio(name, spelled)
                others = (other for code_, other in all_names.items() if code_ != code and is_same_name(other, spelled))
                if all(fuzz.ratio(other, spelled) <= likeness for other in others):
                    return True
    return False


@functools.cache
def _romanised_names(language: str) -> dict[str, str]:
    return {code: romanise(name) for code, name in _country_names(language).items()}

"""Names in a text, and whether two words in any scripts spell one name."""

import regex
from anyascii import anyascii
from rapidfuzz import fuzz

from rag.answering.number_values import roman_value

_NAME_WORD = regex.compile(r"(?:\p{Lu}[\p{L}\p{M}'’-]*[\p{L}\p{M}]|\p{Lu}{2,})")
_SENTENCE_START = regex.compile(r"(?:^|[.!?:;…»”\"]\s+|\n|[\[(«“„\"]\s*)$")
SHORT_ANSWER = 3
"""An answer of so few words may be nothing but a name."""
SAME_NAME = 72
"""Least similarity (rapidfuzz, 0-100) of two romanised names that count as one."""
SAME_CONSONANTS = 80
"""The same for their consonants alone."""
COMMON_BEGINNING = 5
"""Names that share so many first letters count as one too."""
_DIGRAPHS = (
    ("tch", "c"),
    ("sch", "s"),
    ("ch", "c"),
    ("sh", "s"),
    ("cz", "c"),
    ("ph", "f"),
    ("th", "t"),
    ("ck", "k"),
)
_SIMILAR_LETTERS = str.maketrans("kqgwvbpdyjzs", "ccgvvbbtiiss")


def find_names(text: str, language: str) -> list[str]:
    """Capitalised words that do not open a sentence, or make up the whole of a short answer.

    None in German, which capitalises every noun. In a script without capitals, Latin words are names; names in
    the script itself are not recognised.

    >>> find_names("The king was Stephen Báthory.", "en")
    ['Stephen', 'Báthory']
    """
    if language == "de":
        return []
    words = text.rstrip(".").split()
    is_only_a_name = len(words) <= SHORT_ANSWER and all(_NAME_WORD.match(word) for word in words)
    return [
        match.group()
        for match in _NAME_WORD.finditer(text)
        if len(match.group()) > 2
        and (is_only_a_name or not _SENTENCE_START.search(text[: match.start()]))
        and not roman_value(match.group().split("-")[0])
    ]


def romanise(word: str) -> str:
    """A word in Latin letters, lower case, without accents.

    >>> romanise("Баторий")
    'batoriy'
    """
    return "".join(character for character in anyascii(word).casefold() if character.isalnum())


def is_same_name(left: str, right: str) -> bool:
    """Whether two romanised words spell one name.

    >>> is_same_name("kachinsky", "kaczynski"), is_same_name("roma", "paris")
    (True, False)
    """
    if not left or not right:
        return False
    shorter = min(len(left), len(right))
    if shorter <= 3:
        return left == right
    if fuzz.ratio(left, right) >= SAME_NAME:
        return True
    if shorter >= COMMON_BEGINNING and left[:COMMON_BEGINNING] == right[:COMMON_BEGINNING]:
        return True
    left, right = _consonants(left), _consonants(right)
    return min(len(left), len(right)) >= 3 and fuzz.ratio(left, right) >= SAME_CONSONANTS


def _consonants(word: str) -> str:
    """The consonants of a word, with the letters that scripts spell differently made one."""
    for letters, letter in _DIGRAPHS:
        word = word.replace(letters, letter)
    return regex.sub(r"[aeiouh]|(.)(?=\1)", "", word.translate(_SIMILAR_LETTERS))

import pytest
import regex
from babel.core import get_global

from retriever.languages.scripts import (
    ALPHABETIC,
    CASED,
    DENSE,
    IDEOGRAPHIC,
    PREFIXING,
    SOUTH_EAST_ASIAN,
    UNSPACED,
    letters_of,
    likely_language,
    scripts_of,
)

LETTERS = {
    "Latin": "a",
    "Greek": "α",
    "Cyrillic": "а",
    "Arabic": "ا",
    "Hebrew": "א",
    "Devanagari": "अ",
    "Han": "京",
    "Hiragana": "あ",
    "Katakana": "ア",
    "Hangul": "한",
    "Thai": "ก",
    "Lao": "ກ",
    "Khmer": "ក",
    "Myanmar": "က",
    "Tibetan": "ཀ",
}


@pytest.mark.parametrize(
    ("language", "scripts"),
    [
        ("hi", ("Deva",)),
        ("ar", ("Arab",)),
        ("th", ("Thai",)),
        ("el", ("Grek",)),
        ("ro", ("Latn",)),
        ("zh", ("Hani",)),
        ("ja", ("Hani", "Hira", "Kana")),
        ("ko", ("Hang",)),
        ("hi-Latn", ("Latn",)),
        ("am", ("Ethi",)),
        ("ka", ("Geor",)),
        ("si", ("Sinh",)),
        ("sr-Latn", ("Latn",)),
        ("sga", ("Latn",)),
        ("nonsense", ()),
        ("", ()),
    ],
)
def test_scripts_of_a_language(language, scripts):
    assert scripts_of(language) == scripts


@pytest.mark.parametrize(("letters", "language"), [("ກຂ", "lo"), ("ދި", "dv"), ("ქართ", "ka"), ("ab", None), ("", None)])
def test_the_language_that_a_script_is_mostly_used_for(letters, language):
    assert likely_language(letters) == language


def test_every_script_that_cldr_names_is_one_that_regex_knows():
    tags = get_global("likely_subtags")
    for language in tags:
        assert scripts_of(language) == () or regex.compile(letters_of(scripts_of(language)))


@pytest.mark.parametrize(
    ("pattern", "scripts"),
    [
        (UNSPACED, "Han Hiragana Katakana Thai Lao Khmer Myanmar Tibetan"),
        (IDEOGRAPHIC, "Han Hiragana Katakana"),
        (SOUTH_EAST_ASIAN, "Thai Lao Khmer Myanmar"),
        (DENSE, "Han Hiragana Katakana Hangul Thai Lao Khmer"),
        (CASED, "Latin Greek Cyrillic"),
        (ALPHABETIC, "Latin Greek Cyrillic Arabic Hebrew"),
        (PREFIXING, "Arabic Hebrew"),
    ],
)
def test_letters_of_each_kind(pattern, scripts):
    assert {script for script, letter in LETTERS.items() if pattern.fullmatch(letter)} == set(scripts.split())


def test_the_long_vowel_mark_belongs_to_an_unspaced_run():
    assert UNSPACED.findall("コーヒー and 北京") == ["コーヒー", "北京"]


def test_a_class_of_letters():
    pattern = regex.compile(letters_of(["Latin", "Greek"], "-") + "+")
    assert pattern.findall("abc-αβγ где") == ["abc-αβγ"]

"""Texts that are no answer: refusals, echoes of the question, loops."""

import regex
from rapidfuzz import fuzz

from rag.generation.citation_marks import strip_citation_marks
from retriever.languages.detection import UNKNOWN
from retriever.languages.scripts import letters_of, scripts_of
from retriever.languages.sentences import is_question, split_sentences

_ANNOUNCEMENT_END = regex.compile(r"[:：]\s*$")
_OTHER_LETTER = r"[\p{L}\p{M}--[\p{Latin}\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Common}\p{Inherited}]]"
_MIXED_WORD = regex.compile(rf"\p{{Latin}}{_OTHER_LETTER}|{_OTHER_LETTER}\p{{Latin}}", flags=regex.V1)
LOOP_CHARACTERS, LOOP_SHARE = 100, 0.5
"""A text of at least so many characters, with less than this share of distinct 4-grams, repeats itself."""
ECHO = 85
"""Similarity (rapidfuzz, 0-100) from which a sentence is the abstention, or the question repeated."""


def is_refusal(text: str, no_answer: str) -> bool:
    """Whether the model wrote the sentence that the prompt asks for when the passages hold no answer."""
    words = strip_citation_marks(text)
    return fuzz.partial_ratio(no_answer.casefold(), words.casefold()) >= ECHO and len(words) < 2 * len(no_answer)


def is_degenerate(text: str, question: str) -> bool:
    """Whether a text is only marks and signs, repeats the question, or loops."""
    words = strip_citation_marks(text)
    if not any(character.isalnum() for character in words):
        return True
    return is_echo(words, question) or is_repetitive(words)


def has_mixed_words(text: str) -> bool:
    """Whether Latin letters and those of another alphabet stand in one word: small models leave off in mid-name.

    Chinese, Japanese and Korean write Latin letters beside their own ("Tシャツ").

    >>> has_mixed_words("اكتشفه أLEXاندرو"), has_mixed_words("Его нашёл Fleming."), has_mixed_words("Tシャツ")
    (True, False, False)
    """
    return bool(_MIXED_WORD.search(text))


def has_foreign_letters(text: str, language: str, known: str) -> bool:
    """Whether a letter is neither Latin, nor of the language's scripts, nor in the `known` texts.

    Small models slip into the script of another language ("330メートル입니다" in Korean).

    >>> has_foreign_letters("330メートル입니다.", "ko", ""), has_foreign_letters("330 m입니다.", "ko", "")
    (True, False)
    """
    scripts = scripts_of(language)
    if not scripts:
        return False
    foreign = regex.findall(rf"[\p{{L}}--[\p{{Latin}}\p{{Common}}{letters_of(scripts)}]]", text, flags=regex.V1)
    return not set(foreign) <= set(known)


def lacks_own_letters(text: str, language: str) -> bool:
    """Whether a text has letters, and none of the language's scripts: a bare name in Latin letters is no sentence.

    >>> lacks_own_letters("The Great Wall of China", "ur"), lacks_own_letters("1914", "ur")
    (True, False)
    """
    scripts = scripts_of(language)
    return bool(scripts and regex.search(r"\p{L}", text)) and not regex.search(letters_of(scripts), text)


def is_repetitive(text: str) -> bool:
    """Whether a text loops, as small models do: few of its character 4-grams are distinct."""
    if len(text) < LOOP_CHARACTERS:
        return False
    grams = [text[i : i + 4] for i in range(len(text) - 3)]
    return len(set(grams)) < LOOP_SHARE * len(grams)


def strip_echoes(text: str, question: str, instruction: str) -> str:
    """The answer without sentences that ask, that repeat the question or the instruction, or that announce an answer.

    >>> strip_echoes("When was it founded? It was founded in 1088.", "When was it founded?", "Answer in English.")
    'It was founded in 1088.'
    """
    sentences = [text[start:end] for start, end in split_sentences(text, UNKNOWN)]
    return " ".join(s for s in sentences if not _is_empty(strip_citation_marks(s), question, instruction))


def _is_empty(sentence: str, question: str, instruction: str) -> bool:
    """Whether a sentence asks, announces, or repeats the question or the instruction."""
    asks_or_announces = is_question(sentence) or _ANNOUNCEMENT_END.search(sentence)
    return bool(asks_or_announces) or is_echo(sentence, question) or is_echo(sentence, instruction)


def is_echo(text: str, original: str) -> bool:
    """Whether a text repeats another one and adds no word to it.

    >>> is_echo("when was it founded", "When was it founded?"), is_echo("It was founded.", "When was it founded?")
    (True, False)
    """
    words, original_words = (
        regex.findall(r"[\p{L}\p{M}\p{N}]+", strip_citation_marks(each).casefold()) for each in (text, original)
    )
    return (
        bool(words)
        and set(words) <= set(original_words)
        and fuzz.ratio(" ".join(words), " ".join(original_words)) >= ECHO
    )

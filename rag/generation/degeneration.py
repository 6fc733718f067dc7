"""Texts that are no answer: refusals, echoes of the question, loops."""

import regex
from rapidfuzz import fuzz

from rag.generation.citation_marks import strip_citation_marks
from retriever.languages.detection import UNKNOWN
from retriever.languages.sentences import split_sentences

_ASKS = regex.compile(r"[?？؟\u037e]['\"»”’)\]\s]*$")
_LABEL = regex.compile(r"[:：]\s*$")
LOOP_CHARACTERS, LOOP_SHARE = 100, 0.5
"""A text of at least so many characters, with less than this share of distinct 4-grams, repeats itself."""
ECHO = 85
"""Similarity (rapidfuzz, 0-100) from which a sentence is the abstention, or the question repeated."""


def is_refusal(text: str, no_answer: str) -> bool:
    """Whether the model wrote the sentence that the prompt asks for when the passages hold no answer."""
    words = strip_citation_marks(text)
    return fuzz.partial_ratio(no_answer.casefold(), words.casefold()) >= ECHO and len(words) < 2 * len(no_answer)


def is_degenerate(text: str, question: str) -> bool:
    """Whether a text is only marks and signs, the question repeated, or the same words over and over."""
    words = strip_citation_marks(text)
    if not any(character.isalnum() for character in words):
        return True
    return is_echo(words, question) or is_repetitive(words)


def is_repetitive(text: str) -> bool:
    """Whether a text loops, as small models do: few of its character 4-grams are distinct."""
    if len(text) < LOOP_CHARACTERS:
        return False
    grams = [text[i : i + 4] for i in range(len(text) - 3)]
    return len(set(grams)) < LOOP_SHARE * len(grams)


def strip_echoes(text: str, question: str, instruction: str) -> str:
    """The answer without sentences that ask, that repeat the question or the instruction, or that announce an answer."""
    pieces = [text[start:end] for start, end in split_sentences(text, UNKNOWN)]
    return " ".join(piece for piece in pieces if not _is_empty(strip_citation_marks(piece), question, instruction))


def _is_empty(sentence: str, question: str, instruction: str) -> bool:
    asks = _ASKS.search(sentence) or _LABEL.search(sentence)
    return bool(asks) or is_echo(sentence, question) or is_echo(sentence, instruction)


def is_echo(text: str, original: str) -> bool:
    """Whether a text repeats another one and adds no word to it."""
    words, original_words = (
        regex.findall(r"[\p{L}\p{M}\p{N}]+", strip_citation_marks(each).casefold()) for each in (text, original)
    )
    return (
        bool(words)
        and set(words) <= set(original_words)
        and fuzz.ratio(" ".join(words), " ".join(original_words)) >= ECHO
    )

"""Where a text has the words that a model gives as an answer out of it."""

import itertools
from collections.abc import Sequence, Set
from dataclasses import dataclass
from difflib import SequenceMatcher

import regex
from rapidfuzz import fuzz

from rag.answering.number_values import find_numbers
from retriever.languages.digits import ascii_digits
from retriever.languages.sentences import Span

MIN_ALIGNMENT = 80
"""Least similarity (rapidfuzz, 0-100) of an answer and the words of the passage that it is taken for."""
SAME_WORD = 75
"""Least similarity of two words that count as one."""
MAX_TRIM = 2
"""How many words an alignment may be off at either end."""
MIN_RUN = 0.3
"""Least share of an answer's letters in a row of the passage's words: the model wraps sentences around what it read."""
MIN_IN_ORDER = 0.8
"""Least share of an answer's letters that stand in the passage in this order: the model leaves words out of lists."""
_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:[.,'’-][\p{L}\p{M}\p{N}]+)*")
EDGES = "\"'“”„«»‘’.,;:!?() \n"


def locate(answer: str, text: str, language: str, question: str = "") -> Span | None:
    """Where a text has the words of an answer, or words like them, or most of them in order or in a row, or its number.

    A sentence around the words, in which the question is said again, does not count. Words that lack a number of the
    answer are not what it says.

    >>> text = "It was opened on 15 August 1914 by a ship."
    >>> text[slice(*locate("15 august 1914", text, "en"))]
    '15 August 1914'
    >>> text[slice(*locate("On 15 August 1914 by a Schiff", text, "en"))]
    'on 15 August 1914 by a'
    >>> locate("in the year of the plague", text, "en") is None
    True
    >>> locate("19th century", "They came in the early nineteenth century.", "en") is None
    True
    >>> locate("5", "It has five rooms.", "en")
    (7, 11)
    >>> text = "Its parents were Tang, Song, as well as Khitan Liao and Jurchen Jin dynasties."
    >>> text[slice(*locate("Tang, Song, Khitan Liao, Jurchen Jin", text, "en"))]
    'Tang, Song, as well as Khitan Liao and Jurchen Jin'
    """
    folded, words = _fold(text), _fold(answer)
    if not words.strip():
        return None
    if exact := regex.search(rf"(?<![\p{{L}}\p{{N}}]){regex.escape(answer)}(?![\p{{L}}\p{{N}}])", text):
        return exact.span()
    aligned = fuzz.partial_ratio_alignment(words, folded, score_cutoff=MIN_ALIGNMENT)
    if aligned is not None and len(words) <= len(folded):
        span = _trim(text, _whole_words(text, aligned.dest_start, aligned.dest_end), words)
        if _has_numbers_of(answer, text[slice(*span)], language):
            return span
    if number := _locate_number(answer, text, language):
        return number
    run = _located_run(words, folded, question)
    return run if run and _has_numbers_of(answer, text[slice(*run)], language) else None


def _trim(text: str, span: Span, words: str) -> Span:
    """The span without first and last words that do not begin or end the answer: an alignment may be a little off."""
    tokens = [match.span() for match in _TOKEN.finditer(text, *span)]
    answer_tokens = _TOKEN.findall(words)
    first = next((n for n, token in enumerate(tokens[: MAX_TRIM + 1]) if _is_one_of(text, token, answer_tokens[:2])), 0)
    ends = reversed(tokens[-MAX_TRIM - 1 :])
    last = next((n for n, token in enumerate(ends) if _is_one_of(text, token, answer_tokens[-2:])), 0)
    if first > len(tokens) - 1 - last:
        return span
    return (tokens[first][0] if first else span[0]), (tokens[-1 - last][1] if last else span[1])


def _is_one_of(text: str, token: Span, words: Sequence[str]) -> bool:
    """Whether a word of the text is like one of these."""
    word = _fold(text[slice(*token)])
    return any(fuzz.ratio(word, other) >= SAME_WORD for other in words)


@dataclass(frozen=True, slots=True)
class _Run:
    """Words of an answer that stand in a row in a text, where its words number `first` to `last` (from 0) are."""

    words: Sequence[str]
    first: int
    last: int


def _located_run(answer: str, text: str, question: str) -> Span | None:
    """Where the text has nearly all words of an answer in their order, or else the row of them that says most."""
    words = _TOKEN.findall(answer)
    tokens = [match.span() for match in _TOKEN.finditer(text)]
    texts = [text[slice(*token)] for token in tokens]
    blocks = SequenceMatcher(None, words, texts, autojunk=False).get_matching_blocks()
    in_order = [_run(words, block.a, block.b, block.size) for block in blocks if block.size]
    asked = set(_TOKEN.findall(_fold(question)))
    place = _in_order(words, in_order) or _longest_run(words, _all_runs(words, texts), asked)
    if place is None:
        return None
    return tokens[place[0]][0], tokens[place[1]][1]


def _run(words: Sequence[str], start: int, place: int, size: int) -> _Run:
    return _Run(words[start : start + size], place, place + size - 1)


def _all_runs(words: Sequence[str], texts: Sequence[str]) -> list[_Run]:
    """Every row of words that an answer and a text have in common and that is part of no longer one."""
    runs = []
    for start, place in itertools.product(range(len(words)), range(len(texts))):
        if words[start] != texts[place] or (start and place and words[start - 1] == texts[place - 1]):
            continue
        same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(words[start:], texts[place:], strict=False))
        runs.append(_run(words, start, place, len(list(same))))
    return runs


def _in_order(words: Sequence[str], runs: Sequence[_Run]) -> tuple[int, int] | None:
    """First and last word of all runs, if they have nearly all words with no more between than there are."""
    common = sum(len(word) for run in runs for word in run.words)
    if not runs or common < MIN_IN_ORDER * sum(map(len, words)) or runs[-1].last - runs[0].first >= 2 * len(words):
        return None
    return runs[0].first, runs[-1].last


def _longest_run(words: Sequence[str], runs: Sequence[_Run], asked: Set[str]) -> tuple[int, int] | None:
    """First and last word of the run that says most, if that is MIN_RUN of what the answer says.

    That is counted in letters of words that are not in the question, each word once: an answer may loop.
    """

    def said(some: Sequence[str]) -> int:
        return sum(len(word) for word in set(some) - asked)

    run = max(runs, key=lambda run: said(run.words), default=None)
    if run is None or not said(run.words) or said(run.words) < MIN_RUN * said(words):
        return None
    return run.first, run.last


def _has_numbers_of(answer: str, words: str, language: str) -> bool:
    """Whether words of the text state every number of an answer, in digits or in words."""
    stated, needed = (find_numbers(ascii_digits(text), language, claims_only=False) for text in (words, answer))
    return all(any(values & others for _, others in stated) for _, values in needed)


def _locate_number(answer: str, text: str, language: str) -> Span | None:
    """Where a text has the number that is the whole answer, written otherwise."""
    plain_answer, plain_text = ascii_digits(answer), ascii_digits(text)
    for surface, values in find_numbers(plain_answer, language, claims_only=False):
        if surface == plain_answer:
            for other, other_values in find_numbers(plain_text, language, claims_only=False):
                if values & other_values and (match := regex.search(rf"\b{regex.escape(other)}\b", plain_text)):
                    return match.span()
    return None


def _fold(text: str) -> str:
    """Lower case, without changing the length of the text."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text


def _whole_words(text: str, start: int, end: int) -> Span:
    """The span with its first and last word whole, in scripts that write spaces."""
    while start > 0 and _joins(text[start - 1 : start + 1]):
        start -= 1
    while end < len(text) and _joins(text[end - 1 : end + 1]):
        end += 1
    while start < end and text[start] in EDGES:
        start += 1
    while end > start and text[end - 1] in EDGES:
        end -= 1
    return start, end


def _joins(pair: str) -> bool:
    """Whether two neighbouring characters are inside one word."""
    return regex.fullmatch(r"[\p{L}\p{M}\p{N}]{2}", pair) is not None and not regex.search(
        r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Han}\p{Hiragana}\p{Katakana}]", pair
    )

"""Sentences of a text in any script, and how long a text is."""

import re
from collections.abc import Iterator

import regex
from sentencex import get_sentence_boundaries

from retriever.languages.scripts import DENSE

Span = tuple[int, int]
"""Character offsets [start, end)."""

# Sentence ends that sentencex leaves alone: Khmer's, and the space that Thai and Lao put between clauses.
_EXTRA_END = regex.compile(r"[។៕]\s*|(?<=[\p{Script=Thai}\p{Script=Lao}])\s+(?=[\p{Script=Thai}\p{Script=Lao}])")
_QUESTION_END = regex.compile(r"[?？؟\u037e]['\"»”’)\]\s]*$")
WINDOW = 10_000
"""Characters that are split at a time; a longer sentence is cut."""
THAI_CLAUSE = 60
"""Shortest Thai or Lao clause, in characters, that counts as a sentence."""


def split_sentences(text: str, language: str) -> list[Span]:
    """Offsets of the sentences of a text, in order, without the white space between them.

    >>> split_sentences("Dr. Smith came. He left!", "en")
    [(0, 15), (16, 24)]
    """
    spans: list[Span] = []
    for start, sentence_end in _sentences(text, language.split("-")[0]):
        for end in [*_extra_ends(text, start, sentence_end), sentence_end]:
            spans.extend(_paragraphs(text, start, end))
            start = end
    return spans


def is_question(sentence: str) -> bool:
    """Whether a sentence ends with a question mark, in any script that has one.

    >>> is_question("How much is it?"), is_question("كم يكلف؟"), is_question("Ten euros.")
    (True, True, False)
    """
    return _QUESTION_END.search(sentence) is not None


def text_weight(text: str) -> int:
    """The length of a text in Latin letters. A Chinese, Japanese, Korean, Thai, Khmer or Lao character counts twice.

    >>> text_weight("Beijing 北京")
    12
    """
    return len(text) + len(DENSE.findall(text))


def _sentences(text: str, language: str) -> Iterator[Span]:
    """The sentences that sentencex finds, a window at a time: the time that it takes grows with the text's square.

    A window begins with the last sentence of the one before, which may have been cut.
    """
    start = 0
    while start < len(text):
        window = text[start : start + WINDOW]
        is_last = start + WINDOW >= len(text)
        ends = [start + boundary["end_index"] for boundary in get_sentence_boundaries(language, window)]
        if not is_last:
            ends = ends[:-1] or [start + len(window)]
        for end in ends:
            yield start, end
            start = end
        if is_last:
            return


def _extra_ends(text: str, start: int, end: int) -> Iterator[int]:
    """The ends of Khmer sentences and of Thai and Lao clauses within [start, end)."""
    last = start
    for match in _EXTRA_END.finditer(text, start, end):
        if match.group().strip() or match.end() - last >= THAI_CLAUSE:
            last = match.end()
            if last < end:
                yield last


def _paragraphs(text: str, start: int, end: int) -> Iterator[Span]:
    """The paragraphs within [start, end), trimmed; a line break inside a paragraph does not end a sentence."""
    for piece in re.finditer(r"(?:(?!\n\s*\n).)+", text[start:end], re.DOTALL):
        stripped = piece.group().strip()
        if stripped:
            offset = start + piece.start() + piece.group().index(stripped)
            yield offset, offset + len(stripped)

"""Pages become passages: whole sentences, packed up to a size, with their character offsets."""

import re
from collections.abc import Iterator

import regex
from sentencex import get_sentence_boundaries

from rag.parsing import Page

_DENSE = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}]"
)
# Enders that sentencex leaves alone: Khmer's, and the space that Thai and Lao put between clauses.
_EXTRA_END = regex.compile(r"[។៕]\s*|(?<=[\p{Script=Thai}\p{Script=Lao}])\s+(?=[\p{Script=Thai}\p{Script=Lao}])")
THAI_CLAUSE = 60

Span = tuple[int, int]


def sentences(text: str, language: str) -> list[Span]:
    """Offsets of the sentences of a text, without the white space between them, in order."""
    spans: list[Span] = []
    for boundary in get_sentence_boundaries(language.split("-")[0], text):
        start = boundary["start_index"]
        for end in [*_extra_ends(text, start, boundary["end_index"]), boundary["end_index"]]:
            spans.extend(_lines(text, start, end))
            start = end
    return spans


def _extra_ends(text: str, start: int, end: int) -> Iterator[int]:
    last = start
    for match in _EXTRA_END.finditer(text, start, end):
        if match.group().strip() or match.end() - last >= THAI_CLAUSE:
            last = match.end()
            if last < end:
                yield last


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    """The paragraphs within [start, end), trimmed; a line break inside a paragraph does not end a sentence."""
    for piece in re.finditer(r"(?:(?!\n\s*\n).)+", text[start:end], re.DOTALL):
        stripped = piece.group().strip()
        if stripped:
            offset = start + piece.start() + piece.group().index(stripped)
            yield offset, offset + len(stripped)


def weight(text: str) -> int:
    """Length of a text in Latin letters: a Chinese, Japanese, Korean or Thai character counts for more."""
    return len(text) + len(_DENSE.findall(text))


def chunk(page: Page, language: str, limit: int) -> list[Span]:
    """Cut a page into passages of at most `limit` (see `weight`); offsets into `page.text`, in order.

    A passage ends at a sentence's end; a sentence longer than the limit is cut between words.
    """
    pieces = [part for span in sentences(page.text, language) for part in _split_long(page.text, span, limit)]
    passages: list[Span] = []
    for start, end in pieces:
        if passages and weight(page.text[passages[-1][0] : end]) <= limit:
            passages[-1] = (passages[-1][0], end)
        else:
            passages.append((start, end))
    return passages


def _split_long(text: str, span: Span, limit: int) -> Iterator[Span]:
    start, end = span
    while weight(text[start:end]) > limit:
        cut = start + max(1, limit // (2 if _DENSE.search(text, start, end) else 1))
        space = text.rfind(" ", start + 1, cut)
        cut = space if space > start else cut
        yield start, cut
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield start, end

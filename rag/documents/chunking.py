"""Pages become passages: whole sentences, packed up to a size, with their character offsets."""

from collections.abc import Iterator

from rag.documents.parsing import Page
from retriever.languages.scripts import DENSE
from retriever.languages.sentences import Span, split_sentences, text_weight


def split_into_passages(page: Page, language: str, limit: int) -> list[Span]:
    """Cut a page into passages of a `text_weight` of at most `limit`; (start, end) offsets into `page.text`, in order.

    A passage ends at a sentence's end; a sentence longer than the limit is cut between words.

    >>> split_into_passages(Page(None, "It is old. It was founded in 1088."), "en", 24)
    [(0, 10), (11, 34)]
    """
    pieces = [part for span in split_sentences(page.text, language) for part in _split_long(page.text, span, limit)]
    passages: list[Span] = []
    for start, end in pieces:
        if passages and text_weight(page.text[passages[-1][0] : end]) <= limit:
            passages[-1] = (passages[-1][0], end)
        else:
            passages.append((start, end))
    return passages


def _split_long(text: str, span: Span, limit: int) -> Iterator[Span]:
    """The parts of a sentence within the limit, cut at spaces where there are any."""
    start, end = span
    while end - start > limit or text_weight(text[start:end]) > limit:  # a character weighs at least 1
        cut = start + max(1, limit // (2 if DENSE.search(text, start, end) else 1))
        space = text.rfind(" ", start + 1, cut)
        cut = space if space > start else cut
        yield start, cut
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield start, end

"""The marks [1], [2, 3] by which a generator says which passage it used."""

import regex

MARK = regex.compile(r"\s*[\[［【]\s*(\d{1,2}(?:\s*[,，、;]\s*\d{1,2})*)\s*[\]］】]")


def strip_citation_marks(text: str) -> str:
    """The text without its [n] marks.

    >>> strip_citation_marks("In 1088 [1], by students [2, 3].")
    'In 1088, by students.'
    """
    return MARK.sub("", text).strip()


def cited_numbers(text: str) -> list[int]:
    """The passage numbers in the [n] marks of a text.

    >>> cited_numbers("In 1088 [1], by students [2, 3].")
    [1, 2, 3]
    """
    return [int(number) for marks in MARK.findall(text) for number in regex.findall(r"\d+", marks)]

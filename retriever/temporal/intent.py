"""What a question with the parts of calendar arithmetic asks for: the date itself, or what was the case then.

The encoder compares the question's other words ("which month is", "who was king") with English ones. That tells the two
apart better than whole questions, in which the dates and spans are most of the likeness.
"""

from collections.abc import Sequence

import regex

from retriever.models.protocols import QueryEncoder
from retriever.temporal.arithmetic import MonthShift, languages
from retriever.temporal.parsing import find_shift, plain_shift
from retriever.types import Vectors

ASKS_FOR_DATE = (
    "What is the time", "What date is it", "Which month comes", "Which month is it", "What month was it",
    "Tell me the date", "Calculate the month", "When is that", "Which date do we get to", "In which month are we",
    "What month was it before", "Which month comes after", "What was the date before", "What is after",
)  # fmt: skip
ASKS_FOR_FACT = (
    "Who was king", "What happened", "Which team did he play for", "Where did she live", "How much did it cost",
    "What law was passed", "How many people were there", "Why did they do it", "What was it called",
    "Which company was founded", "How did it work", "What kind of music was popular", "When was it built",
    "What did the author write", "Who ruled before", "What happened after", "Which report was correct",
    "What forest covers the region", "Which animal does he take along", "How are numbers expressed",
    "Which theorem defines it", "Where are you going", "Do you like it", "What are you doing", "Can you help me",
    "Who did it", "Is he at home", "When does my permit expire", "When must I renew it", "When does the warranty end",
    "How long is it valid", "What is the deadline", "When do I have to pay", "When can I retire", "How old will I be",
    "What is the weather like",
)  # fmt: skip
AFTER = ("What month is after", "later than", "What month will it be after", "Calculate the date after", "after")
BEFORE = ("What month was before", "earlier than", "What month was it before", "Calculate the date before", "before")
MIN_MARGIN = 0.01
"""Chosen on XQuAD's questions in eight languages with a month and a span put after them: docs/decisions.md."""
MIN_DIRECTION_MARGIN = 0.01
"""Of the wordings with templates, whose direction is known, 94 % are so clear, and 99 % of these are right."""
MAX_CHARACTERS = 60
"""The other words of a question that asks for a date are few."""


def read_shift(question: str, language: str, encoder: QueryEncoder) -> MonthShift | None:
    """The shift whose month a question asks for, in any language of CLDR; None for any other question.

    The encoder is asked where the question's words are not all in the language's phrases. It tells the direction only
    in languages without phrases: a permit of May 2020 for 5 years has none.
    """
    named = find_shift(question, language)
    if named is None or (named.after is None and language in languages()):
        return None
    if shift := plain_shift(named, language):
        return shift
    words = " ".join(regex.findall(r"[\p{L}\p{M}'’-]+", named.rest))
    if len(words) > MAX_CHARACTERS:
        return None
    groups = (ASKS_FOR_DATE, ASKS_FOR_FACT, AFTER, BEFORE)
    vectors = encoder.encode_queries([words or "-", *(text for group in groups for text in group)])
    date, fact, after, before = _cosines(vectors, groups)
    if date.max() - fact.max() < MIN_MARGIN:
        return None
    if named.after is not None:
        return MonthShift(named.start, named.months, named.after)
    direction = float(after.mean() - before.mean())
    is_clear = abs(direction) >= MIN_DIRECTION_MARGIN
    return MonthShift(named.start, named.months, direction > 0) if is_clear else None


def _cosines(vectors: Vectors, groups: Sequence[Sequence[str]]) -> list[Vectors]:
    """The cosines of the first vector with those of each group of texts after it."""
    cosines = vectors[1:] @ vectors[0]
    ends = [sum(map(len, groups[: n + 1])) for n in range(len(groups))]
    return [cosines[end - len(group) : end] for end, group in zip(ends, groups, strict=True)]

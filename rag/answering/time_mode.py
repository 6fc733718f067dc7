"""Questions about time: what the calendar alone can answer, and which times a question asks for."""

import datetime
from dataclasses import replace

from babel.dates import format_date

from rag.settings import TimeMode
from retriever.errors import IsthmusError
from retriever.languages.locales import locale_of
from retriever.models.protocols import QueryEncoder
from retriever.temporal import arithmetic
from retriever.temporal.intent import read_shift
from retriever.temporal.timing import nonexistent_date, read_timing
from retriever.types import Month, Period, Timing


def calendar_answer(question: str, question_language: str, answer_language: str, encoder: QueryEncoder) -> str | None:
    """The answer to a question of calendar arithmetic, or that there is no such date; None for any other question.

    Small models guess at arithmetic, so it is calculated. It is answered in every language of CLDR; that there is no
    such date is said in those with a file of phrases.
    """
    if shift := read_shift(question, question_language, encoder):
        return arithmetic.write_answer(shift, answer_language)
    if answer_language not in arithmetic.languages():
        return None
    return nonexistent_date(question, question_language, answer_language)


def question_timing(question: str, language: str, mode: TimeMode, as_of: Month | None) -> Timing:
    """What the question says about time; nothing in the mode "off".

    A question without a period of its own asks for the month `as_of`. In the mode "on" every question asks when.
    """
    if mode == "off":
        return Timing()
    timing = read_timing(question, language, as_of)
    if as_of and not timing.periods:
        timing = replace(timing, periods=(Period(as_of, as_of),))
    return replace(timing, when=True) if mode == "on" else timing


def parse_as_of(as_of: str | None) -> Month | None:
    """The last month of "1998" or "1998-05". Raises IsthmusError for anything else.

    >>> parse_as_of("1998")
    Month(year=1998, month=12)
    """
    try:
        return Period.parse(as_of).end if as_of else None
    except ValueError as error:
        raise IsthmusError(f"as_of: {error}") from error


def today_in(language: str) -> str:
    """Today as a language writes it; in ISO's form if CLDR does not know the language."""
    today = datetime.date.today()
    locale = locale_of(language)
    return format_date(today, "long", locale=locale) if locale else today.isoformat()

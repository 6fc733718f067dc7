"""Questions about time: what the calendar answers, and which times a question asks for."""

import datetime
from dataclasses import replace

from babel.dates import format_date

from rag.settings import TimeMode
from retriever.errors import IsthmusError
from retriever.languages.locales import locale_of
from retriever.temporal import arithmetic
from retriever.temporal.timing import nonexistent_date, read_timing
from retriever.types import Month, Period, Timing


def calendar_answer(question: str, question_language: str, answer_language: str) -> str | None:
    """What the calendar alone answers; None for a question that needs the documents.

    It is the result of calendar arithmetic, which no small model should guess, or that there is no such date.
    """
    if answer_language not in arithmetic.languages():
        return None
    shift = arithmetic.parse_shift(question, question_language)
    if shift:
        return arithmetic.write_answer(shift, answer_language)
    return nonexistent_date(question, question_language, answer_language)


def question_timing(question: str, language: str, mode: TimeMode, as_of: Month | None) -> Timing:
    """What the question, and `as_of`, say about time; nothing in the mode "off"."""
    if mode == "off":
        return Timing()
    timing = read_timing(question, language, as_of)
    if as_of and not timing.periods:
        timing = replace(timing, periods=(Period(as_of, as_of),))
    return replace(timing, when=True) if mode == "on" else timing


def parse_as_of(as_of: str | None) -> Month | None:
    """The last month of "1998" or "1998-05". Raises IsthmusError for anything else."""
    try:
        return Period.parse(as_of).end if as_of else None
    except ValueError as error:
        raise IsthmusError(f"as_of: {error}") from error


def today_in(language: str) -> str:
    """Today, as a language writes it; in ISO's form where CLDR does not know the language."""
    today = datetime.date.today()
    locale = locale_of(language)
    return format_date(today, "long", locale=locale) if locale else today.isoformat()

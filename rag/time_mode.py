"""What the pipeline does with questions about time, before and beside search."""

import datetime
from dataclasses import replace

from babel.dates import format_date

from prompts import locale_of
from rag.encoders import open_encoder
from rag.settings import Settings, TimeMode
from retriever.encoder import Encoder
from retriever.errors import IsthmusError
from retriever.language import detect_language
from retriever.temporal import calendar
from retriever.temporal.calendar import Month
from retriever.temporal.demonstrations import DemonstrationPool
from retriever.temporal.periods import Period
from retriever.temporal.questions import read_questions
from retriever.temporal.timing import Timing, impossible, read_timing


def open_demonstrations(settings: Settings, encoder: Encoder) -> DemonstrationPool | None:
    """The solved questions that the settings name, with the encoder that chooses of them. Raises DataError."""
    if not settings.demonstrations:
        return None
    named = settings.demonstration_encoder
    own = open_encoder(settings.model_copy(update={"encoder": named})) if named else encoder
    return DemonstrationPool(read_questions(settings.demonstrations), own)


def by_calendar(question: str, language: str) -> str | None:
    """What the calendar alone tells; None for a question that needs the documents.

    The result of pure arithmetic, which no small model should guess, or that there is no such date.
    """
    spoken = detect_language(question)
    if language not in calendar.languages():
        return None
    sum_ = calendar.recognise(question, spoken)
    return calendar.answer(sum_, language) if sum_ else impossible(question, spoken, language)


def timing_of(question: str, mode: TimeMode, as_of: Month | None) -> Timing:
    """What the question, and `as_of`, say about time; nothing in the mode "off"."""
    if mode == "off":
        return Timing()
    timing = read_timing(question, detect_language(question), as_of)
    if as_of and not timing.periods:
        timing = replace(timing, periods=(Period(as_of, as_of),))
    return replace(timing, when=True) if mode == "on" else timing


def month_of(as_of: str | None) -> Month | None:
    """The last month of "1998" or "1998-05". Raises IsthmusError for anything else."""
    try:
        return Period.parse(as_of).end if as_of else None
    except ValueError as error:
        raise IsthmusError(f"as_of: {error}") from error


def date_in(language: str) -> str:
    """Today, as a language writes it; in ISO's form where CLDR does not know the language."""
    today = datetime.date.today()
    locale = locale_of(language)
    return format_date(today, "long", locale=locale) if locale else today.isoformat()

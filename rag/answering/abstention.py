"""Saying in the user's language that the documents hold no answer."""

from collections.abc import Sequence
from dataclasses import replace

from prompts import languages, load_prompt
from rag.answering.citations import nearest_citations
from rag.answering.evidence import Snippet
from rag.generation.degeneration import is_degenerate
from rag.generation.engine import Engine, complete
from rag.generation.language_check import is_in_language
from rag.timer import StageTimer
from rag.types import Answer
from retriever.types import Query

MAX_TOKENS = 60
"""Longest translation of the sentence."""


def abstain(engine: Engine, draft: Answer, query: Query, snippets: Sequence[Snippet], timer: StageTimer) -> Answer:
    """The draft as an abstention that shows the nearest passages.

    In a language without a fixed sentence the generator translates the English one, which stands as it is if the
    translation is in another language or goes round in circles, or the generator is small. Raises GeneratorError.
    """
    language = draft.language
    text = load_prompt("fixed", language).texts["no_answer"]
    if language not in languages("fixed"):
        translation = "" if engine.small else _translate(engine, text, language)
        is_usable = is_in_language(translation, language) and not is_degenerate(translation, query.text)
        text, language = (translation, language) if is_usable else (text, "en")
    citations = nearest_citations(snippets, query)
    timer.end_stage("check")
    return replace(
        draft,
        text=text,
        language=language,
        citations=citations,
        abstained=True,
        timings=timer.timings,
        final=True,
    )


def _translate(engine: Engine, text: str, language: str) -> str:
    messages = load_prompt("translate", language).messages(text=text)
    return complete(engine, messages, max_tokens=MAX_TOKENS)

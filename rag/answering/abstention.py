"""Saying in the user's language that the documents hold no answer."""

from collections.abc import Sequence
from dataclasses import replace

from prompts import languages, load_prompt
from rag.answering.citations import nearest_citations
from rag.answering.evidence import Snippet
from rag.answering.translating import translate
from rag.generation.engine import Engine
from rag.timer import StageTimer
from rag.types import Answer
from retriever.types import Query


def abstain(engine: Engine, draft: Answer, query: Query, snippets: Sequence[Snippet], timer: StageTimer) -> Answer:
    """The draft as an abstention that shows the nearest passages.

    In a language without a fixed sentence the generator translates the English one, which stands as it is if the
    translation cannot be trusted or the generator is small. Raises GeneratorError.
    """
    language = draft.language
    text = load_prompt("fixed", language).texts["no_answer"]
    if language not in languages("fixed"):
        translation = None if engine.small else translate(engine, text, language)
        text, language = (translation, language) if translation else (text, "en")
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

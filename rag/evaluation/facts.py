"""FactSource in the prompt of a question about time: none, the subject's, or what search finds."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rag.documents.library import Library
from rag.evaluation.temporal import EvidenceSetting, FactSource
from rag.settings import Settings
from retriever.temporal.facts import fact_documents, facts_from_questions, sentences_by_subject
from retriever.temporal.questions import FactQuery, TemporalQuestion, write_question
from retriever.temporal.timing import read_timing

FOUND = 2
"""Passages put into a prompt in the setting rag; each holds facts of one subject."""


@contextlib.contextmanager
def open_fact_source(
    setting: EvidenceSetting, questions: Sequence[TemporalQuestion], settings: Settings, folder: Path
) -> Iterator[FactSource | None]:
    """What the setting puts into a prompt: nothing, the subject's facts, or what search finds in a library of facts."""
    if setting == "closed":
        yield None
    elif setting == "facts":
        by_subject = sentences_by_subject(facts_from_questions(questions))
        yield (
            lambda question, _: (
                by_subject.get(question.content.subject, []) if isinstance(question.content, FactQuery) else []
            )
        )
    else:
        own = settings.model_copy(update={"library": folder / "library"})
        with Library(own, holder="isthmus eval temporal") as library:
            library.add_texts(fact_documents(facts_from_questions(questions)))

            def found(question: TemporalQuestion, language: str) -> list[str]:
                text = write_question(question.content, language)
                timing = read_timing(text, language)
                return [hit.passage.text for hit in library.search(text, FOUND, timing=timing)]

            yield found

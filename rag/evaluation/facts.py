"""Facts for the prompt of a question about time: none, those of its subject, or what search finds."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rag.documents.library import Library
from rag.evaluation.plan import EvidenceSetting
from rag.settings import Settings
from retriever.temporal.facts import fact_documents, sentences_by_subject
from retriever.temporal.questions import Fact, FactQuery, TemporalQuestion, write_question
from retriever.temporal.timing import read_timing

FactSource = Callable[[TemporalQuestion, str], Sequence[str]]
"""The facts that go into the prompt of a question in a language."""

SEARCH_PASSAGES = 2
"""Passages in a prompt of the setting "rag"; each holds facts of one subject."""


@contextlib.contextmanager
def open_fact_source(
    setting: EvidenceSetting, facts: Sequence[Fact], settings: Settings, folder: Path
) -> Iterator[FactSource | None]:
    """Those of the facts that a setting puts into a prompt; None for "closed" and "withheld".

    "rag" searches a library of all facts, which it keeps in the folder.
    """
    if setting in ("closed", "withheld"):
        yield None
    elif setting == "facts":
        sentences = sentences_by_subject(facts)

        def subject_facts(question: TemporalQuestion, language: str) -> list[str]:
            content = question.content
            return sentences.get(content.subject, []) if isinstance(content, FactQuery) else []

        yield subject_facts
    else:
        library_settings = settings.model_copy(update={"library": folder / "library"})
        with Library(library_settings, holder="isthmus eval temporal") as library:
            library.add_texts(fact_documents(facts))

            def search_facts(question: TemporalQuestion, language: str) -> list[str]:
                text = write_question(question.content, language)
                timing = read_timing(text, language)
                return [hit.passage.text for hit in library.search(text, SEARCH_PASSAGES, timing=timing)]

            yield search_facts

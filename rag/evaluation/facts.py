"""Facts in the prompt of a question about time: none, the subject's, or what search finds."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rag.evaluation.temporal import Facts, Setting
from rag.library import Library
from rag.settings import Settings
from retriever.temporal.facts import fact_documents, facts_of, statements
from retriever.temporal.questions import Asked, TimeQuestion, ask
from retriever.temporal.timing import read_timing

FOUND = 2
"""Passages put into a prompt in the setting rag; each holds facts of one subject."""


@contextlib.contextmanager
def facts_for(
    setting: Setting, questions: Sequence[TimeQuestion], settings: Settings, folder: Path
) -> Iterator[Facts | None]:
    """What the setting puts into a prompt: nothing, the subject's facts, or what search finds in a library of facts."""
    if setting == "closed":
        yield None
    elif setting == "facts":
        by_subject = statements(facts_of(questions))
        yield (
            lambda question, _: (
                by_subject.get(question.content.subject, []) if isinstance(question.content, Asked) else []
            )
        )
    else:
        own = settings.model_copy(update={"library": folder / "library"})
        with Library(own, holder="isthmus eval temporal") as library:
            library.add_texts(fact_documents(facts_of(questions)))

            def found(question: TimeQuestion, language: str) -> list[str]:
                text = ask(question.content, language)
                timing = read_timing(text, language)
                return [hit.passage.text for hit in library.search(text, FOUND, timing=timing)]

            yield found

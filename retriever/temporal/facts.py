"""Facts that questions about time are asked of, and their wording as English passages."""

from collections.abc import Iterable

from retriever.temporal.arithmetic import format_month
from retriever.temporal.questions import Fact, FactQuery, TemporalQuestion
from retriever.types import Month

STATEMENTS = {
    "played_for": "{subject} played for {object}",
    "coach": "{object} was the head coach of {subject}",
    "employer": "{subject} worked for {object}",
    "position": "{subject} held the position of {object}",
    "educated_at": "{subject} attended {object}",
    "chair": "{object} was the chair of {subject}",
    "party": "{subject} was a member of the {object}",
    "owner": "{object} was the owner of {subject}",
    "head_of_government": "{object} was the head of the government of {subject}",
    "head_of_state": "{object} was the head of the state of {subject}",
}


def facts_from_questions(questions: Iterable[TemporalQuestion]) -> list[Fact]:
    """What the answers of L2 questions tell: an object, from the first month that it is the answer for to the last.

    TempReason's own facts are not published with the questions; these are a lower bound of them.
    """
    months: dict[tuple[str, str, str], list[Month]] = {}
    for question in questions:
        content = question.content
        if isinstance(content, FactQuery) and isinstance(content.when, Month):
            for answer in question.answers:
                months.setdefault((content.subject, content.relation, answer), []).append(content.when)
    facts = [Fact(subject, relation, answer, min(own), max(own)) for (subject, relation, answer), own in months.items()]
    return sorted(facts, key=lambda fact: (fact.subject, fact.relation, fact.start))


def fact_sentence(fact: Fact) -> str:
    """A fact in English: Glynn Snodin played for Leeds United F.C. from April 1988 to June 1991."""
    said = STATEMENTS[fact.relation].format(subject=fact.subject, object=fact.object)
    start, end = format_month(fact.start, "en"), format_month(fact.end, "en")
    return f"{said} in {start}." if start == end else f"{said} from {start} to {end}."


def sentences_by_subject(facts: Iterable[Fact]) -> dict[str, list[str]]:
    """What is said of each subject."""
    said: dict[str, list[str]] = {}
    for fact in facts:
        said.setdefault(fact.subject, []).append(fact_sentence(fact))
    return said


def fact_documents(facts: Iterable[Fact]) -> list[tuple[str, str]]:
    """(name, text) of one document for each subject, a statement a line."""
    return [
        (f"{''.join(c if c.isalnum() else '-' for c in subject)}-{n}.txt", "\n".join(own))
        for n, (subject, own) in enumerate(sentences_by_subject(facts).items())
    ]

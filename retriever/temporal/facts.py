"""Facts behind questions about time, and their wording as English passages."""

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
    """The facts that the answers of L2 questions state, sorted by subject, relation and start.

    A fact runs from the first month that its object is the answer for to the last. TempReason does not publish its
    facts with its questions; true facts last at least as long as these.

    >>> months = (Month(1988, 4), Month(1991, 6))
    >>> contents = [FactQuery("played_for", "Glynn Snodin", month) for month in months]
    >>> facts_from_questions([TemporalQuestion("q", content, ("Leeds",)) for content in contents])[0].end
    Month(year=1991, month=6)
    """
    answer_months: dict[tuple[str, str, str], list[Month]] = {}
    for question in questions:
        content = question.content
        if isinstance(content, FactQuery) and isinstance(content.when, Month):
            for answer in question.answers:
                answer_months.setdefault((content.subject, content.relation, answer), []).append(content.when)
    facts = [
        Fact(subject, relation, answer, min(months), max(months))
        for (subject, relation, answer), months in answer_months.items()
    ]
    return sorted(facts, key=lambda fact: (fact.subject, fact.relation, fact.start))


def fact_sentence(fact: Fact) -> str:
    """A fact as an English sentence.

    >>> fact_sentence(Fact("Glynn Snodin", "played_for", "Leeds United F.C.", Month(1988, 4), Month(1991, 6)))
    'Glynn Snodin played for Leeds United F.C. from April 1988 to June 1991.'
    """
    statement = STATEMENTS[fact.relation].format(subject=fact.subject, object=fact.object)
    start, end = format_month(fact.start, "en"), format_month(fact.end, "en")
    return f"{statement} in {start}." if start == end else f"{statement} from {start} to {end}."


def sentences_by_subject(facts: Iterable[Fact]) -> dict[str, list[str]]:
    """The sentences of the facts, by their subject."""
    sentences: dict[str, list[str]] = {}
    for fact in facts:
        sentences.setdefault(fact.subject, []).append(fact_sentence(fact))
    return sentences


def fact_documents(facts: Iterable[Fact]) -> list[tuple[str, str]]:
    """A document for each subject, as (file name, text); the text has a sentence a line."""
    return [
        (f"{''.join(c if c.isalnum() else '-' for c in subject)}-{n}.txt", "\n".join(sentences))
        for n, (subject, sentences) in enumerate(sentences_by_subject(facts).items())
    ]

"""Facts behind questions about time, and their wording as English passages."""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from retriever.errors import DataError
from retriever.temporal.arithmetic import format_month
from retriever.temporal.demonstrations import TemporalSplit, split_questions
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


def questions_within(facts: Iterable[Fact], rng: random.Random) -> list[TemporalQuestion]:
    """L2 questions for months that no fact of their subject names, so that the answer has to be looked up by period.

    Each fact gives one, for a random month between its first and its last; the answers are all objects of that month.
    A fact gives none if all these months are named, or if it is the only one of its subject and relation.

    >>> alpha = Fact("Ana", "employer", "Alpha", Month(1990, 5), Month(1990, 7))
    >>> beta = Fact("Ana", "employer", "Beta", Month(1990, 7), Month(1990, 7))
    >>> [(q.content.when, q.answers) for q in questions_within([alpha, beta], random.Random(1))]
    [(Month(year=1990, month=6), ('Alpha',))]
    """
    named_months: dict[str, set[Month]] = {}
    histories: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        named_months.setdefault(fact.subject, set()).update((fact.start, fact.end))
        histories.setdefault((fact.subject, fact.relation), []).append(fact)
    questions: list[TemporalQuestion] = []
    for (subject, relation), history in histories.items():
        for fact in history if len(history) > 1 else ():
            inner_months = [fact.start + n for n in range(1, fact.end - fact.start)]
            if months := [month for month in inner_months if month not in named_months[subject]]:
                month = rng.choice(months)
                objects = tuple(dict.fromkeys(other.object for other in history if other.start <= month <= other.end))
                content = FactQuery(relation, subject, month)
                questions.append(TemporalQuestion(f"within-{len(questions)}", content, objects))
    return questions


class FactSplit(NamedTuple):
    """A division of questions, and the facts of the subjects that are asked about."""

    split: TemporalSplit
    facts: list[Fact]


def split_around_facts(
    all_questions: Sequence[TemporalQuestion], facts: Sequence[Fact], *, pool: int, questions: int, seed: int = 1
) -> FactSplit:
    """Divide questions so that facts can be given to them: half of the facts' subjects are asked about.

    L2 questions about these are `questions_within` their facts; L1 and L3 questions are the given ones. The pool has
    the other subjects' questions. Raises DataError if there are too few.
    """
    rng = random.Random(seed)
    subjects = sorted({fact.subject for fact in facts})
    asked_subjects = set(rng.sample(subjects, len(subjects) // 2))
    asked_facts = [fact for fact in facts if fact.subject in asked_subjects]
    within = questions_within(asked_facts, rng)
    if not within:
        raise DataError(
            f"{len(facts)} facts leave no month to ask for: give subjects with several facts of a relation that last "
            "at least three months."
        )
    others = [
        question for question in all_questions if question.task != "l2" or not _is_about(question, asked_subjects)
    ]
    split = split_questions(
        [*others, *within], pool=pool, questions=questions, seed=seed, asked_subjects=asked_subjects
    )
    return FactSplit(split, asked_facts)


def _is_about(question: TemporalQuestion, subjects: set[str]) -> bool:
    return isinstance(question.content, FactQuery) and question.content.subject in subjects


def names_month(question: TemporalQuestion, texts: Iterable[str]) -> bool:
    """Whether an English text names the month that an L2 question asks for."""
    content = question.content
    if not isinstance(content, FactQuery) or not isinstance(content.when, Month):
        return False
    month = format_month(content.when, "en")
    return any(month in text for text in texts)


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

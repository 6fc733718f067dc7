"""TempReason's three kinds of questions in many languages: writing them, reading them back, and making them from facts.

L1 is calendar arithmetic (`retriever.temporal.arithmetic`). L2 asks for a fact at a time. L3 asks for the fact before
or after another. templates/ holds one file a language for L2 and L3, which a translator can edit: the ten relations and
the words of time. The languages are those of phrases/, `arithmetic.languages()`.
"""

import functools
import json
import random
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import Any, Literal

import regex
from babel.dates import get_month_names

from retriever.data.files import read_jsonl
from retriever.errors import DataError
from retriever.languages.months import month_names
from retriever.temporal import arithmetic
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.parsing import parse_shift
from retriever.types import Month, Period

TaskName = Literal["l1", "l2", "l3"]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The fact right before or after one whose object is `reference`."""

    reference: str
    after: bool


@dataclass(frozen=True, slots=True)
class FactQuery:
    """Asks which object stands in a relation to a subject, in a month (L2) or before or after another object (L3)."""

    relation: str
    subject: str
    when: Month | Neighbour


@dataclass(frozen=True, slots=True)
class TemporalQuestion:
    """A question with its right answers."""

    id: str
    content: MonthShift | FactQuery
    answers: tuple[str, ...]

    @property
    def task(self) -> TaskName:
        """The kind of question: "l1", "l2" or "l3"."""
        if isinstance(self.content, MonthShift):
            return "l1"
        return "l2" if isinstance(self.content.when, Month) else "l3"


@dataclass(frozen=True, slots=True)
class Fact:
    """`object` stood in `relation` to `subject` from the month `start` to the month `end`, both included."""

    subject: str
    relation: str
    object: str
    start: Month
    end: Month


@dataclass(frozen=True, slots=True)
class Templates:
    """A language's file of templates.

    `at`, `before` and `after` word the time, `relations` the questions, which hold it as $when. `months` is the form of
    months' names, in CLDR's terms.
    """

    at: str
    before: str
    after: str
    relations: dict[str, str]
    months: Literal["format", "stand-alone"] = "format"


@functools.cache
def templates(language: str) -> Templates:
    """The templates of a language. Raises TypeError if its file lacks a key or has one too many."""
    file = files("retriever").joinpath("temporal", "templates", f"{language}.toml")
    return Templates(**tomllib.loads(file.read_text(encoding="utf-8")))


def write_question(content: MonthShift | FactQuery, language: str) -> str:
    """The question in a language; L2 and L3 in English are worded as in TempReason.

    >>> write_question(FactQuery("played_for", "Glynn Snodin", Month(1978, 11)), "de")
    'Für welches Team spielte Glynn Snodin im November 1978?'
    """
    if isinstance(content, MonthShift):
        return arithmetic.write_question(content, language)
    language_templates = templates(language)
    return Template(language_templates.relations[content.relation]).substitute(
        subject=content.subject, when=_write_when(content.when, language_templates, language)
    )


def parse_question(question: str, language: str) -> MonthShift | FactQuery | None:
    """What a question asks, if it is worded as in the language's templates; None otherwise.

    >>> parse_question("Who was the owner of Leeds before John?", "en")
    FactQuery(relation='owner', subject='Leeds', when=Neighbour(reference='John', after=False))
    """
    if shift := parse_shift(question, language):
        return shift
    readings = [
        (template, match.groupdict())
        for template in (_question_patterns(language) if language in arithmetic.languages() else ())
        if (match := template.pattern.fullmatch(question.strip()))
    ]
    if not readings:
        return None
    # "The head of state of X" could be the head of "state of X": take the reading with the shortest names.
    template, groups = min(readings, key=lambda reading: sum(len(text or "") for text in reading[1].values()))
    if template.after is not None:
        return FactQuery(template.relation, groups["subject"], Neighbour(groups["reference"], template.after))
    name = groups.get("month") or groups.get("short")
    number = int(groups["number"]) if name is None else month_names(language)[name.casefold()]
    return FactQuery(template.relation, groups["subject"], Month(int(groups["year"]), number))


def questions_from_shifts(shifts: Iterable[MonthShift]) -> list[TemporalQuestion]:
    """L1 questions with their answers as TempReason writes them.

    >>> questions_from_shifts([MonthShift(Month(1241, 10), 89, after=True)])[0].answers
    ('Mar, 1249',)
    """
    months = get_month_names("abbreviated", locale="en")
    return [
        TemporalQuestion(f"sum-{n}", shift, (f"{months[shift.result.month]}, {shift.result.year}",))
        for n, shift in enumerate(shifts)
    ]


def questions_from_facts(facts: Iterable[Fact], rng: random.Random) -> list[TemporalQuestion]:
    """L2 and L3 questions about facts.

    Each fact gives a question for a random month within it; the answers are all objects of that month. Each two facts
    that follow each other give two: what came before the second, and what came after the first. Facts that start in the
    same month have no order, so no question asks what came before or after them.
    """
    histories: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        histories.setdefault((fact.subject, fact.relation), []).append(fact)
    contents: list[tuple[FactQuery, tuple[str, ...]]] = []
    for (subject, relation), history in histories.items():
        history.sort(key=lambda fact: fact.start)
        for fact in history:
            month = fact.start + rng.randint(0, fact.end - fact.start)
            objects = tuple(dict.fromkeys(other.object for other in history if other.start <= month <= other.end))
            contents.append((FactQuery(relation, subject, month), objects))
        starts = [fact.start for fact in history]
        for earlier, later in pairwise(history):
            if starts.count(earlier.start) == starts.count(later.start) == 1 and earlier.object != later.object:
                contents.append((FactQuery(relation, subject, Neighbour(later.object, after=False)), (earlier.object,)))
                contents.append((FactQuery(relation, subject, Neighbour(earlier.object, after=True)), (later.object,)))
    return [TemporalQuestion(f"fact-{n}", content, answers) for n, (content, answers) in enumerate(contents)]


def read_tempreason(path: Path) -> list[TemporalQuestion]:
    """The questions of a file of JSON lines: TempReason's rows, or facts.

    An L1 row is read from its question, an L2 or L3 row from its relation, subject, and time or reference. Facts have
    the fields subject, relation, object, from and to; questions are made from them. Raises DataError with the number of
    a row that is neither.
    """
    questions = []
    facts = []
    for number, row in enumerate(read_jsonl(path), start=1):
        try:
            if "object" in row:
                facts.append(_fact(row))
                continue
            content = _content(row)
            answers = tuple(str(answer) for answer in row["answers"])
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(f"{path}, row {number}: no TempReason question and no fact ({error}).") from error
        questions.append(TemporalQuestion(str(row.get("id", number)), content, answers))
    return questions + questions_from_facts(facts, random.Random(1))


def read_facts(path: Path) -> list[Fact]:
    """The facts of a file or folder; none if its rows are TempReason's. Raises DataError for a row that is no fact."""
    facts = []
    for file in jsonl_files(path):
        for number, row in enumerate(read_jsonl(file), start=1):
            try:
                facts += [_fact(row)] if "object" in row else []
            except (KeyError, ValueError, TypeError) as error:
                raise DataError(f"{file}, row {number}: no fact ({error}).") from error
    return facts


def jsonl_files(path: Path) -> list[Path]:
    """The file itself, or the *.jsonl files of a folder, sorted. Raises DataError if there is none."""
    paths = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not paths:
        raise DataError(f"{path} holds no *.jsonl file.")
    return paths


def read_questions(path: Path) -> list[TemporalQuestion]:
    """All questions of a file or folder (see `read_tempreason`), each id once. Raises DataError."""
    questions = [question for file in jsonl_files(path) for question in read_tempreason(file)]
    return list({question.id: question for question in questions}.values())


def write_multilingual(questions: Sequence[TemporalQuestion], language: str, path: Path) -> None:
    """Write questions in a language as mTEMPREASON does: JSON lines with id, question and text_answers.

    Names stay as they are; months are written in the language.
    """
    lines = []
    for question in questions:
        content = question.content
        answers = (
            [arithmetic.format_month(content.result, language)]
            if isinstance(content, MonthShift)
            else list(question.answers)
        )
        row = {"id": question.id, "question": write_question(content, language), "text_answers": {"text": answers}}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def read_multilingual(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    """The questions of a file in mTEMPREASON's form, with their answers. Raises DataError."""
    questions = []
    for number, row in enumerate(read_jsonl(path), start=1):
        answers = row.get("text_answers")
        texts = answers.get("text") if isinstance(answers, dict) else answers
        if not isinstance(row.get("question"), str) or not isinstance(texts, list):
            raise DataError(f"{path}, row {number}: expected question and text_answers.")
        questions.append((str(row["question"]), tuple(map(str, texts))))
    return questions


def _fact(row: dict[str, Any]) -> Fact:
    """The fact of a row. Raises KeyError or ValueError."""
    relation = _relation(row)
    period = Period.parse(f"{row['from']}/{row['to']}")
    if period.end < period.start:
        raise ValueError(f"from {row['from']} is after to {row['to']}")
    return Fact(str(row["subject"]), relation, str(row["object"]), period.start, period.end)


def _relation(row: dict[str, Any]) -> str:
    """The relation of a row. Raises KeyError or ValueError."""
    relation, relations = str(row["relation"]), templates("en").relations
    if relation not in relations:
        raise ValueError(f"unknown relation {relation!r}; there are {', '.join(relations)}")
    return relation


def _content(row: dict[str, Any]) -> MonthShift | FactQuery:
    """What TempReason's row asks. Raises KeyError or ValueError."""
    if "relation" not in row:
        if (shift := parse_shift(str(row["question"]), "en")) is None:
            raise ValueError(f"{row['question']!r} asks for no month before or after another")
        return shift
    relation, subject = _relation(row), str(row["subject"])
    if "time" not in row:
        if row["direction"] not in ("before", "after"):
            raise ValueError(f"direction {row['direction']!r}")
        return FactQuery(relation, subject, Neighbour(str(row["reference"]), row["direction"] == "after"))
    name, year = str(row["time"]).split(", ")
    return FactQuery(relation, subject, Month(int(year), month_names("en")[name.casefold()]))


def _write_when(when: Month | Neighbour, language_templates: Templates, language: str) -> str:
    """The words of time in a language: a month, or "before" or "after" with its reference."""
    if isinstance(when, Neighbour):
        template = language_templates.after if when.after else language_templates.before
        return Template(template).substitute(reference=when.reference)
    return Template(language_templates.at).substitute(
        month=get_month_names("wide", language_templates.months, locale=language)[when.month],
        short=get_month_names("abbreviated", language_templates.months, locale=language)[when.month],
        number=when.month,
        year=when.year,
    )


@dataclass(frozen=True, slots=True)
class _QuestionPattern:
    """A pattern of a whole L2 or L3 question.

    `after` says whether it asks for what came after its reference, or before; it is None if it asks for a month (L2).
    """

    relation: str
    pattern: "regex.Pattern[str]"
    after: bool | None


@functools.cache
def _question_patterns(language: str) -> list[_QuestionPattern]:
    """The patterns of all templates of a language."""
    language_templates = templates(language)
    names = "|".join(regex.escape(name) for name in sorted(month_names(language), key=len, reverse=True))
    when_groups = {
        "month": rf"(?P<month>(?i:{names}))",
        "short": rf"(?P<short>(?i:{names}))\.?",
        "number": r"(?P<number>\d{1,2})",
        "year": r"(?P<year>\d{1,4})",
        "reference": r"(?P<reference>.+)",
    }
    at, before, after = language_templates.at, language_templates.before, language_templates.after
    patterns = []
    for relation, question in language_templates.relations.items():
        for when_template, is_after in ((at, None), (before, False), (after, True)):
            groups = {"subject": r"(?P<subject>.+?)", "when": _template_pattern(when_template, when_groups)}
            pattern = regex.compile(_template_pattern(question, groups))
            patterns.append(_QuestionPattern(relation, pattern, is_after))
    return patterns


def _template_pattern(template: str, groups: dict[str, str]) -> str:
    """A template as a regular expression, with `groups` in place of its variables."""
    parts = regex.split(r"(\$[a-z]+)", template)
    return "".join(groups[part[1:]] if part.startswith("$") else regex.escape(part) for part in parts)

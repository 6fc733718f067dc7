"""TempReason's three kinds of questions in many languages: written from what they ask, and read back.

L1 is calendar arithmetic (`retriever.temporal.calendar`). L2 asks for a fact at a time, L3 for the fact before or after
another. templates/ holds one file a language, for a translator to edit: the ten relations, and the words of time; the
languages are those of the calendar.
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
from retriever.types import Month, Period

TaskName = Literal["l1", "l2", "l3"]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The fact right before or after one whose object is `reference`."""

    reference: str
    after: bool


@dataclass(frozen=True, slots=True)
class FactQuery:
    """Which object a subject had in a relation, in a month (L2) or next to another (L3)."""

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
        """L1, L2 or L3."""
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
    """A language's file. `months`: the form of their names, by CLDR's word for it."""

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
    """The question in a language; in English as TempReason words L2 and L3."""
    if isinstance(content, MonthShift):
        return arithmetic.write_question(content, language)
    own = templates(language)
    return Template(own.relations[content.relation]).substitute(
        subject=content.subject, when=_when(content.when, own, language)
    )


def parse_question(question: str, language: str) -> MonthShift | FactQuery | None:
    """What a question asks, if it is worded like the language's templates; None otherwise."""
    if sum_ := arithmetic.parse_shift(question, language):
        return sum_
    readings = []
    for relation, pattern, after in _patterns(language) if language in arithmetic.languages() else ():
        if match := pattern.fullmatch(question.strip()):
            readings.append((relation, after, match.groupdict()))
    if not readings:
        return None
    # "the head of state of X" is no head of "state of X": the reading that leaves least to names.
    relation, after, found = min(readings, key=lambda reading: sum(len(text or "") for text in reading[2].values()))
    if after is not None:
        return FactQuery(relation, found["subject"], Neighbour(found["reference"], after))
    named = found.get("month") or found.get("short")
    number = int(found["number"]) if named is None else month_names(language)[named.casefold()]
    return FactQuery(relation, found["subject"], Month(int(found["year"]), number))


def questions_from_shifts(sums: Iterable[MonthShift]) -> list[TemporalQuestion]:
    """L1 questions with their answers as TempReason writes them: "Mar, 1249"."""
    months = get_month_names("abbreviated", locale="en")
    return [
        TemporalQuestion(f"sum-{n}", sum_, (f"{months[sum_.result.month]}, {sum_.result.year}",))
        for n, sum_ in enumerate(sums)
    ]


def questions_from_facts(facts: Iterable[Fact], rng: random.Random) -> list[TemporalQuestion]:
    """For every fact a question for a month within it, and for every two that follow each other one each way.

    The answers of a month are all objects of that month. Facts that begin in the same month have no order, so they are
    nobody's neighbours.
    """
    lines: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        lines.setdefault((fact.subject, fact.relation), []).append(fact)
    contents: list[tuple[FactQuery, tuple[str, ...]]] = []
    for (subject, relation), line in lines.items():
        line.sort(key=lambda fact: fact.start)
        for fact in line:
            month = fact.start + rng.randint(0, fact.end - fact.start)
            then = tuple(dict.fromkeys(other.object for other in line if other.start <= month <= other.end))
            contents.append((FactQuery(relation, subject, month), then))
        starts = [fact.start for fact in line]
        for earlier, later in pairwise(line):
            if starts.count(earlier.start) == starts.count(later.start) == 1 and earlier.object != later.object:
                contents.append((FactQuery(relation, subject, Neighbour(later.object, after=False)), (earlier.object,)))
                contents.append((FactQuery(relation, subject, Neighbour(earlier.object, after=True)), (later.object,)))
    return [TemporalQuestion(f"fact-{n}", content, answers) for n, (content, answers) in enumerate(contents)]


def read_tempreason(path: Path) -> list[TemporalQuestion]:
    """TempReason's JSON lines: L1 by its question, L2 and L3 by relation, subject, and time or reference.

    Or facts (subject, relation, object, from, to), of which questions are made. Raises DataError with the row that is
    neither.
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


def jsonl_files(path: Path) -> list[Path]:
    """The file, or the JSON lines files of a folder, in order. Raises DataError if there is none."""
    files_ = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files_:
        raise DataError(f"{path} holds no *.jsonl file.")
    return files_


def read_questions(path: Path) -> list[TemporalQuestion]:
    """All questions of a TempReason file or folder, each once. Raises DataError."""
    questions = [question for file in jsonl_files(path) for question in read_tempreason(file)]
    return list({question.id: question for question in questions}.values())


def write_multilingual(questions: Sequence[TemporalQuestion], language: str, path: Path) -> None:
    """Write mTEMPREASON's form: JSON lines with question and text_answers. Names stay as they are, months do not."""
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
    """Questions and answers of a file in mTEMPREASON's form. Raises DataError."""
    found = []
    for number, row in enumerate(read_jsonl(path), start=1):
        answers = row.get("text_answers")
        texts = answers.get("text") if isinstance(answers, dict) else answers
        if not isinstance(row.get("question"), str) or not isinstance(texts, list):
            raise DataError(f"{path}, row {number}: expected question and text_answers.")
        found.append((str(row["question"]), tuple(map(str, texts))))
    return found


def _fact(row: dict[str, Any]) -> Fact:
    relation = _relation(row)
    period = Period.parse(f"{row['from']}/{row['to']}")
    if period.end < period.start:
        raise ValueError(f"from {row['from']} is after to {row['to']}")
    return Fact(str(row["subject"]), relation, str(row["object"]), period.start, period.end)


def _relation(row: dict[str, Any]) -> str:
    relation = str(row["relation"])
    if relation not in (there_are := templates("en").relations):
        raise ValueError(f"unknown relation {relation!r}; there are {', '.join(there_are)}")
    return relation


def _content(row: dict[str, Any]) -> MonthShift | FactQuery:
    if "relation" not in row:
        if (sum_ := arithmetic.parse_shift(str(row["question"]), "en")) is None:
            raise ValueError(f"{row['question']!r} asks for no month before or after another")
        return sum_
    relation, subject = _relation(row), str(row["subject"])
    if "time" not in row:
        if row["direction"] not in ("before", "after"):
            raise ValueError(f"direction {row['direction']!r}")
        return FactQuery(relation, subject, Neighbour(str(row["reference"]), row["direction"] == "after"))
    name, year = str(row["time"]).split(", ")
    return FactQuery(relation, subject, Month(int(year), month_names("en")[name.casefold()]))


def _when(when: Month | Neighbour, own: Templates, language: str) -> str:
    if isinstance(when, Neighbour):
        return Template(own.after if when.after else own.before).substitute(reference=when.reference)
    return Template(own.at).substitute(
        month=get_month_names("wide", own.months, locale=language)[when.month],
        short=get_month_names("abbreviated", own.months, locale=language)[when.month],
        number=when.month,
        year=when.year,
    )


@functools.cache
def _patterns(language: str) -> list[tuple[str, "regex.Pattern[str]", bool | None]]:
    """(relation, pattern of the whole question, whether it asks for what came after; None if for a month)."""
    own = templates(language)
    names = "|".join(regex.escape(name) for name in sorted(month_names(language), key=len, reverse=True))
    groups = {
        "month": rf"(?P<month>(?i:{names}))",
        "short": rf"(?P<short>(?i:{names}))\.?",
        "number": r"(?P<number>\d{1,2})",
        "year": r"(?P<year>\d{1,4})",
        "reference": r"(?P<reference>.+)",
    }
    found = []
    for relation, question in own.relations.items():
        for words, after in ((own.at, None), (own.before, False), (own.after, True)):
            asked = {"subject": r"(?P<subject>.+?)", "when": _pattern(words, groups)}
            found.append((relation, regex.compile(_pattern(question, asked)), after))
    return found


def _pattern(template: str, groups: dict[str, str]) -> str:
    """A template as a regular expression."""
    parts = regex.split(r"(\$[a-z]+)", template)
    return "".join(groups[part[1:]] if part.startswith("$") else regex.escape(part) for part in parts)

"""Questions with gold answers, and the passages that are searched for them: SQuAD's form, AfriQA's, and plain lines."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retriever.data.files import clean_line, numbered_lines
from retriever.data.pairs import short_code
from retriever.data.squad import ParallelSquad, read_squad
from retriever.errors import DataError
from retriever.languages.detection import detect_language
from retriever.languages.locales import locale_of


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """A question; `golds` are its answers in its own language and in the passage's, none if nothing answers it.

    `passage` is the text that holds the answer, None if that is not known. Translations share the `id`.
    """

    id: str
    language: str
    text: str
    golds: tuple[str, ...]
    passage: str | None

    @property
    def key(self) -> str:
        """What no other question of the data has."""
        return f"{self.id} {self.language}"


@dataclass(frozen=True, slots=True)
class AnswerData:
    """Questions, and all passages that are searched for them; none if the user's library is searched."""

    questions: list[AnswerQuestion]
    passages: list[str]

    @property
    def languages(self) -> list[str]:
        """The languages of the questions, in their order."""
        return list(dict.fromkeys(question.language for question in self.questions))


def read_answer_data(path: Path, languages: Sequence[str] | None = None) -> AnswerData:
    """The questions of a file or folder, in all or in these languages. Raises DataError.

    - A folder of SQuAD files NAME.LANGUAGE.json: questions in each language, the passages of the English file, or of
      the first if there is none.
    - JSON lines, a file or a folder of them, in AfriQA's form: each question twice, as it was asked and in English
      translation. Lines without a question, a context or an answer are left out.
    - JSON lines {"question": …, "answers": […]}, with "passage" and "language" if they are known. Without answers it
      is a question that nothing in the library answers.
    """
    if path.is_dir() and any(path.glob("*.json")):
        return _from_squad(read_squad(path), languages)
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise DataError(f"{path} holds no questions; name a folder of SQuAD files, or a file of JSON lines.")
    questions = [question for file in files for question in _from_lines(file)]
    passages = list(dict.fromkeys(question.passage for question in questions if question.passage))
    wanted = [question for question in questions if languages is None or question.language in languages]
    if not wanted:
        raise DataError(f"{path} has no question in {', '.join(languages or ['any language'])}.")
    return AnswerData(wanted, passages)


def draw_questions(data: AnswerData, count: int, unanswerable: int, seed: int) -> tuple[AnswerData, set[str]]:
    """So many questions a language that can be answered and so many that cannot, and the ids of the latter.

    Of the second kind the passage is taken out, while others on its subject stay. With them come, so many a language,
    the questions that nothing answers. Translations are drawn together. Raises DataError if there are too few
    questions, or if questions that cannot be answered name no passage.
    """
    by_id: dict[str, list[AnswerQuestion]] = {}
    for question in data.questions:
        by_id.setdefault(question.id, []).append(question)
    drawn = [by_id[id_] for id_ in random.Random(seed).sample(sorted(by_id), len(by_id))]
    groups = [group for group in drawn if group[0].golds]
    without = _draw(groups, unanswerable)
    if any(question.passage is None for question in without):
        raise DataError("A question that cannot be answered needs to name its passage; the data has none.")
    removed = {question.passage for question in without}
    answered = _draw([group for group in groups if group[0].passage not in removed], count)
    if {question.language for question in answered} != {
        question.language for question in data.questions if question.golds
    }:
        raise DataError("There are too few questions; ask for fewer that cannot be answered.")
    passages = [text for text in data.passages if text not in removed]
    without += _draw([group for group in drawn if not group[0].golds], count)
    return AnswerData([*without, *answered], passages), {question.id for question in without}


def _draw(groups: Sequence[Sequence[AnswerQuestion]], wanted: int) -> list[AnswerQuestion]:
    """The first questions of the groups, `wanted` of each language."""
    counts: Counter[str] = Counter()
    drawn = []
    for question in (question for group in groups for question in group):
        if counts[question.language] < wanted:
            counts[question.language] += 1
            drawn.append(question)
    return drawn


def _from_squad(squad: ParallelSquad, languages: Sequence[str] | None) -> AnswerData:
    pivot = "en" if "en" in squad.passages else next(iter(squad.passages))
    if missing := set(languages or ()) - set(squad.questions):
        raise DataError(f"The data has no file for {', '.join(sorted(missing))}; it has {', '.join(squad.questions)}.")
    pivot_answers = {question.id: question.answers for question in squad.questions[pivot]}
    passages = squad.passages[pivot]
    questions = [
        AnswerQuestion(
            question.id,
            language,
            question.text,
            tuple(dict.fromkeys((*question.answers, *pivot_answers.get(question.id, ())))),
            passages.get(question.passage_id),
        )
        for language in languages or squad.questions
        for question in squad.questions[language]
    ]
    return AnswerData(questions, list(passages.values()))


def _from_lines(file: Path) -> Iterator[AnswerQuestion]:
    for number, line in numbered_lines(file):
        try:
            row = json.loads(line)
            id_ = f"{file.stem}-{row.get('id', number)}"
            yield from _from_afriqa(row, id_, file) if "answer_pivot" in row else _from_plain(row, id_)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f'{file}, line {number}: not a question such as {{"question": …, "answers": […]}} ({error}).'
            ) from error


def _from_afriqa(row: Mapping[str, object], id_: str, file: Path) -> Iterator[AnswerQuestion]:
    pivot = row["answer_pivot"]
    texts = pivot.get("text", []) if isinstance(pivot, dict) else []
    golds = [clean_line(text) for text in texts if isinstance(text, str)]  # some are NaN
    context = _line(row.get("context"))
    named = short_code(file.stem.split(".")[0])
    native = named if locale_of(named) else detect_language(_line(row.get("question_lang")))
    answer = _line(row.get("answer_lang"))
    for language, key in ((native, "question_lang"), ("en", "question_translated")):
        text = _line(row.get(key))
        if text and context and golds:
            own = [answer] if answer and language == native else []
            yield AnswerQuestion(id_, language, text, tuple(dict.fromkeys([*own, *golds])), context)


def _line(value: object) -> str:
    """A text on one line; empty for what is none, such as null or NaN."""
    return clean_line(value) if isinstance(value, str) else ""


def _from_plain(row: Mapping[str, object], id_: str) -> Iterator[AnswerQuestion]:
    text, answers = clean_line(str(row["question"])), row["answers"]
    if not text or not isinstance(answers, list):
        raise ValueError("a question and a list of its answers are needed")
    passage = row.get("passage")
    language = str(row.get("language") or detect_language(text))
    golds = tuple(clean_line(str(answer)) for answer in answers)
    yield AnswerQuestion(id_, language, text, golds, clean_line(str(passage)) if passage else None)

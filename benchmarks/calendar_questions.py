"""Which questions are taken for calendar arithmetic: wordings that ask for a month, and questions that do not.

`python -m benchmarks.calendar_questions`

The wordings are our own (benchmarks/calendar_wordings.toml). The others are XQuAD's, MGSM's and AfriQA's questions as
they are, and XQuAD's with "3 years and 2 months after May 1990" put after them: those name all parts of calendar
arithmetic, and ask for something else. Their margin was chosen on them. Without the data (ISTHMUS_DATA) it says so and
ends.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from benchmarks.report import ROOT, data_folder, parse_no_arguments, publish
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.data.afriqa import read_afriqa
from retriever.data.squad import read_squad
from retriever.models.encoder import Encoder
from retriever.temporal import arithmetic
from retriever.temporal.arithmetic import MonthShift, write_answer
from retriever.temporal.intent import read_shift
from retriever.temporal.parsing import find_shift
from retriever.types import Month

CAPTION = (
    "Questions taken for calendar arithmetic. “right” is calculated as the wording asks, “wrong” calculated otherwise, "
    "or at all where something else is asked; “parts” names a month, a span and no other number"
)
SHIFT = MonthShift(Month(1990, 5), 38, after=True)


def with_shift(question: str, language: str) -> str:
    """The question with the shift after it, in the language's phrases."""
    answer = str(write_answer(SHIFT, language))
    shift = answer.partition(":")[2] or answer.partition("：")[2]
    return f"{question.rstrip('?？؟ ')} {shift.strip(' )）.。।')}?"


def wordings(with_templates: bool) -> list[tuple[str, str, Month | None]]:
    """Our wordings with language and right month, in the languages with templates or the others."""
    text = (ROOT / "benchmarks" / "calendar_wordings.toml").read_text(encoding="utf-8")
    return [
        (question, language, Month(*map(int, month.split("-"))))
        for language, questions in tomllib.loads(text).items()
        if (language in arithmetic.languages()) == with_templates
        for question, month in questions.items()
    ]


def mgsm_questions(folder: Path) -> Iterable[tuple[str, str, None]]:
    """The sums of MGSM, which name numbers, years and months, with their language."""
    for path in sorted(folder.glob("mgsm_*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield line.partition("\t")[0], path.stem.removeprefix("mgsm_"), None


def row(name: str, questions: Iterable[tuple[str, str, Month | None]], encoder: Encoder) -> list[object]:
    """A row of the table."""
    rows = list(questions)
    shifts = [read_shift(question, language, encoder) for question, language, _ in rows]
    right = sum(shift is not None and shift.result == month for shift, (_, _, month) in zip(shifts, rows, strict=True))
    parts = sum(find_shift(question, language) is not None for question, language, _ in rows)
    calculated = sum(shift is not None for shift in shifts)
    return [name, len({language for _, language, _ in rows}), len(rows), parts, right, calculated - right]


def main() -> None:
    """Measure and publish."""
    parse_no_arguments(__doc__)
    xquad = [
        (question.text, language)
        for language, questions in read_squad(data_folder("xquad")).questions.items()
        for question in questions
    ]
    afriqa = [question for file in sorted(data_folder("afriqa").glob("*.jsonl")) for question in read_afriqa(file)]
    encoder = build_encoder(load_settings())
    rows = [
        row("ask for the month, languages with templates", wordings(with_templates=True), encoder),
        row("ask for the month, other languages", wordings(with_templates=False), encoder),
        row("XQuAD", [(text, language, None) for text, language in xquad], encoder),
        row("MGSM", mgsm_questions(data_folder("mgsm")), encoder),
        row("AfriQA", [(question.text, question.language, None) for question in afriqa], encoder),
        row(
            "XQuAD, with a month and a span after each",
            [(with_shift(text, lang), lang, None) for text, lang in xquad if lang in arithmetic.languages()],
            encoder,
        ),
    ]
    columns = ["questions", "languages", "number", "parts", "right", "wrong"]
    publish("calendar_questions", CAPTION, columns, rows, data="XQuAD, MGSM, AfriQA", encoders=[encoder])


if __name__ == "__main__":
    main()

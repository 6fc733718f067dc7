"""Calendar arithmetic in the chat: is every answer right, in every language with a phrase file?

`python -m benchmarks.calendar [--questions 500] [--seed 1]`

Random questions of the years 1 to 9000, the same ones in every language, go through `RAG.ask`: the language is
detected, and there is no generator to fall back on. The right months are dateutil's; an answer counts if it begins with
that month as CLDR writes it. Failures are in the JSON.
"""

import argparse
import datetime
import random
import tempfile
import time

import numpy as np
import regex
from babel.dates import format_skeleton
from dateutil.relativedelta import relativedelta
from tqdm import tqdm

from benchmarks.report import publish
from rag.errors import GeneratorError
from rag.pipeline import RAG
from retriever.temporal import arithmetic
from retriever.temporal.arithmetic import MonthShift

CAPTION = "Calendar arithmetic in the chat"
CLOSED_PORT = "http://127.0.0.1:9/v1"


def right_month(shift: MonthShift, language: str) -> str:
    """The month that a question asks for, by another library's arithmetic."""
    months = shift.months if shift.after else -shift.months
    day = datetime.date(shift.start.year, shift.start.month, 1) + relativedelta(months=months)
    return regex.sub(r"\s*г\.$", "", str(format_skeleton("yMMMM", day, locale=language)))


def ask(rag: RAG, question: str) -> str:
    """The answer's text, or why there is none."""
    try:
        return rag.ask(question).text
    except GeneratorError as error:
        return str(error)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    shifts = arithmetic.random_shifts(arguments.questions, range(1, 9001), random.Random(arguments.seed))
    rows: list[list[object]] = []
    failures: list[dict[str, str]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        RAG(library=folder, generator="endpoint", endpoint=CLOSED_PORT) as rag,
    ):
        for language in tqdm(arithmetic.languages(), disable=None):
            missed, seconds = 0, []
            for shift in shifts:
                question, month = arithmetic.write_question(shift, language), right_month(shift, language)
                start = time.perf_counter()
                answer = ask(rag, question)
                seconds.append(time.perf_counter() - start)
                if not answer.startswith(month):
                    missed += 1
                    failures.append({"language": language, "question": question, "right": month, "answer": answer})
            rows.append([language, 1 - missed / len(shifts), missed, 1000 * float(np.median(seconds))])
    columns = ["language", "right", f"failed of {arguments.questions}", "ms"]
    publish("calendar", CAPTION, columns, rows, seeds=[arguments.seed], details={"failures": failures})


if __name__ == "__main__":
    main()

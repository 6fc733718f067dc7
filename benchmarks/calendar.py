"""Calendar arithmetic in the chat: is every answer right, in every language with a phrase file?

`python -m benchmarks.calendar [--questions 500] [--seed 1]`

Random questions of the years 1 to 9000, the same ones in every language, asked as `RAG.ask` takes them: the language is
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

NOBODY = "http://127.0.0.1:9/v1"


def right(sum_: MonthShift, language: str) -> str:
    """The month asked for, by another library's arithmetic."""
    months = sum_.months if sum_.after else -sum_.months
    day = datetime.date(sum_.start.year, sum_.start.month, 1) + relativedelta(months=months)
    return regex.sub(r"\s*г\.$", "", str(format_skeleton("yMMMM", day, locale=language)))


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sums = arithmetic.random_shifts(given.questions, range(1, 9001), random.Random(given.seed))
    rows: list[list[object]] = []
    failed: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory() as folder, RAG(library=folder, generator="endpoint", endpoint=NOBODY) as rag:
        for language in tqdm(arithmetic.languages(), disable=None):
            missed, seconds = 0, []
            for sum_ in sums:
                text, expected = arithmetic.write_question(sum_, language), right(sum_, language)
                began = time.perf_counter()
                try:
                    said = rag.ask(text).text
                except GeneratorError as error:
                    said = str(error)
                seconds.append(time.perf_counter() - began)
                if not said.startswith(expected):
                    missed += 1
                    failed.append({"language": language, "question": text, "right": expected, "said": said})
            rows.append([language, 1 - missed / len(sums), missed, 1000 * float(np.median(seconds))])
    publish(
        "calendar",
        ["language", "right", "failed of " + str(given.questions), "ms"],
        rows,
        {"seed": given.seed, "failed": failed},
    )


if __name__ == "__main__":
    main()

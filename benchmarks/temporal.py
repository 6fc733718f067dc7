"""Which demonstrations are chosen for questions about time, beside the in-language choice; no language model.

`python -m benchmarks.temporal [--languages ro,de,fr,hi,ar,th] [--tuned DIR …] [--encoder base|aligned|muse]`

TempReason's L1, L2 and L3 questions through the templates: of each task up to 300 questions, and 1200 English ones to
choose three from; no subject is on both sides. overlap@3 with the oracle's choice (untuned encoder, translated pool).
The last column has the share of the chosen that ask for the question's relation, and in L1 the share whose answer is in
the month of the question's: a hint that `benchmarks.temporal_answers` does not show to the generator.
`--tuned` names a folder that `isthmus align --method clitssa` made; repeat it for several, such as one of all tasks and
one of each. `--encoder` is the untuned encoder: the base, the one that ships, or a weaker one (benchmarks/muse.py).
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.muse import Muse
from benchmarks.report import data_folder, publish
from rag.build import build_encoder, build_tuned_encoders
from rag.settings import load_settings
from retriever.models.encoder import Encoder
from retriever.models.protocols import QueryEncoder
from retriever.temporal.agreement import compare_selectors
from retriever.temporal.demonstrations import split_questions
from retriever.temporal.questions import read_questions
from retriever.temporal.selectors import all_selectors

POOL, QUESTIONS = 1200, 300
SEED = 1
CAPTIONS = {
    "base": (
        "Demonstrations for questions about time: overlap of the chosen three with the in-language choice; “cl-all” is "
        "CLiTSSA tuned on all three tasks, the others on one each (docs/research.md has the commands)"
    ),
    "aligned": "The same with the encoder that ships as the untuned one",
    "muse": ("The same with a weaker encoder, Google’s mUSE, as the untuned one; it knows neither Romanian nor Hindi"),
}
"""By untuned encoder."""


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--languages", default="ro,de,fr,hi,ar,th")
    parser.add_argument("--encoder", choices=list(CAPTIONS), default="base")
    parser.add_argument("--tuned", type=Path, action="append", default=[])
    options = parser.parse_args()
    languages = options.languages.split(",")
    questions = read_questions(data_folder("tempreason"))
    split = split_questions(questions, pool=POOL, questions=QUESTIONS, seed=SEED)
    base: QueryEncoder = Muse() if options.encoder == "muse" else build_encoder(load_settings(encoder=options.encoder))
    tuned = build_tuned_encoders(options.tuned)
    agreements = {
        (name, task, language): agreement
        for task, language, name, agreement in compare_selectors(
            split, languages, base, all_selectors(base, tuned, SEED)
        )
    }
    names = list(dict.fromkeys(name for name, _, _ in agreements))
    tasks = list(dict.fromkeys(task for _, task, _ in agreements))
    rows: list[list[object]] = []
    for task in tasks:
        for name in names:
            overlaps = [agreements[name, task, language].overlap for language in languages]
            first = agreements[name, task, languages[0]]
            shared = first.same_month if task == "l1" else first.same_relation
            rows.append([task, name, *overlaps, float(np.mean(overlaps)), shared])
    publish(
        "temporal" if options.encoder == "base" else f"temporal-{options.encoder}",
        CAPTIONS[options.encoder],
        ["task", "selector", *languages, "mean", f"same relation, L1: same month, {languages[0]}"],
        rows,
        data="TempReason test_l1, test_l1_future, test_l2, test_l3",
        seeds=[SEED],
        encoders=[encoder for encoder in (base, *tuned.values()) if isinstance(encoder, Encoder)],
        details={"questions": {task: sum(question.task == task for question in split.questions) for task in tasks}},
    )


if __name__ == "__main__":
    main()

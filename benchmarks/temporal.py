"""Which demonstrations are chosen for questions about time, beside the in-language choice; no language model.

`python -m benchmarks.temporal [--languages ro,de,fr,hi,ar,th] [--tuned DIR …] [--encoder base|aligned|muse]`

TempReason's L1, L2 and L3 questions through the templates, 1200 English ones of a task to choose three from, up to 300
asked; subjects are on one side only. overlap@3 with the oracle's choice (untuned encoder, translated pool). `--tuned`
names what `isthmus align --method clitssa` made; repeat it for several, such as one of all tasks and one of each. Other
encoders that no demonstrations tuned: the one that ships, and a weaker one (benchmarks/muse.py). Without the data
(ISTHMUS_DATA) it says so and ends.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np

from benchmarks.muse import Muse
from benchmarks.report import DATA, publish
from rag.build import build_encoder, build_tuned_encoders
from rag.settings import load_settings
from retriever.models.encoder import Encoder
from retriever.temporal.agreement import compare_selectors
from retriever.temporal.demonstrations import split_questions
from retriever.temporal.questions import read_questions
from retriever.temporal.selectors import all_selectors


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--languages", default="ro,de,fr,hi,ar,th")
    parser.add_argument("--encoder", choices=["base", "aligned", "muse"], default="base")
    parser.add_argument("--tuned", type=Path, action="append", default=[])
    given = parser.parse_args()
    if not (DATA / "tempreason").is_dir():
        sys.exit(f"TempReason is not at {DATA / 'tempreason'}; set ISTHMUS_DATA.")
    languages = given.languages.split(",")
    split = split_questions(read_questions(DATA / "tempreason"), pool=1200, asked=300)
    base = cast(Encoder, Muse()) if given.encoder == "muse" else build_encoder(load_settings(encoder=given.encoder))
    tuned = build_tuned_encoders(given.tuned)
    found = {
        (name, task, language): result
        for task, language, name, result in compare_selectors(split, languages, base, all_selectors(base, tuned))
    }
    names = list(dict.fromkeys(name for name, _, _ in found))
    tasks = list(dict.fromkeys(task for _, task, _ in found))
    rows: list[list[object]] = []
    for task in tasks:
        for name in names:
            overlaps = [found[name, task, language].overlap for language in languages]
            relation = found[name, task, languages[0]].same_relation
            rows.append([task, name, *overlaps, float(np.mean(overlaps)), "" if task == "l1" else relation])
    record = {
        "data": "TempReason test_l1, test_l1_future, test_l2, test_l3",
        "seed": 1,
        "asked": {task: sum(question.task == task for question in split.asked) for task in tasks},
        "results": [
            {"selector": name, "task": task, "language": language, **asdict(result)}
            for (name, task, language), result in found.items()
        ],
    }
    name = "temporal" if given.encoder == "base" else f"temporal-{given.encoder}"
    publish(name, ["task", "selector", *languages, "mean", f"same relation, {languages[0]}"], rows, record)


if __name__ == "__main__":
    main()

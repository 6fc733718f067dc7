"""What demonstrations, and facts, do for a generator's answers to questions about time.

`python -m benchmarks.temporal_answers --part arithmetic|demonstrations|styles|facts --out DIR [--tuned DIR]
[--model 1.5b] [--questions 40] [--languages ro,de,fr]`

TempReason through the templates, so many questions of each task in each language, three demonstrations out of 1200
English ones. `arithmetic`: L1, the untuned encoder's choice, the tuned ones', ours and the oracle's (`isthmus eval
temporal` has more). No demonstration has its answer in the month of the question's answer. `demonstrations`: the same
for L2 and L3, closed book; the last column of both has the paper's relative gain of CLiTSSA over X-InSTA (arXiv
2412.08090, ro de fr). `styles`: the paper's text to complete beside the conversation. `facts`: L2 for months
that no fact names, closed book, with the subject's facts in the prompt, and with what Isthmus's search finds in a
library of the facts of all who are asked about; the latter two without demonstrations as well. "hinted" is the share of
prompts that give a month away. The embedded generator. Resumable item by item in DIR.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.report import data_folder, publish
from rag.build import build_encoder, build_engine, build_tuned_encoders
from rag.evaluation.plan import EvidenceSetting, TemporalPlan
from rag.evaluation.report import BASELINE, TemporalReport
from rag.evaluation.run import run_temporal
from rag.generation.few_shot import PromptStyle
from rag.settings import load_settings
from retriever.temporal.questions import TaskName, read_questions
from retriever.temporal.selectors import SHOTS

PAPER = {"l1": "+11.4 %", "l2": "+30.8 %", "l3": "+62.9 %"}
POOL = 1200
TASKS: tuple[TaskName, ...] = ("l1", "l2", "l3")
CAPTIONS = {
    "arithmetic": (
        "Answers of the embedded {model} to calendar arithmetic (L1) after three demonstrations, none of which has its "
        "answer in the same month: who picks them; F1 on sets, and the share of exact matches; “relative” and p to "
        "X-InSTA"
    ),
    "demonstrations": (
        "Answers of the embedded {model} to L2 and L3 after three demonstrations, closed book: who picks them; F1 on "
        "sets, and the share of exact matches; “relative” and p to X-InSTA"
    ),
    "styles": "The same, the untuned encoder’s choice: a conversation, and one text to complete",
    "facts": (
        "Answers of the embedded {model} to L2 questions for a month within a fact’s period that no fact names: "
        "without the facts, with the subject’s, and with what search finds, after three demonstrations and without, "
        "when it answers in sentences; F1 on sets, and the share of exact matches"
    ),
}
"""By part."""


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation of a part; the other fields of its plan are the same for all."""

    setting: EvidenceSetting = "closed"
    style: PromptStyle = "chat"
    tasks: tuple[TaskName, ...] = TASKS
    selectors: tuple[str, ...] = (BASELINE,)
    shots: int = SHOTS

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"{self.setting}-{self.style}" if self.shots else f"{self.setting}-{self.style}-without"


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=list(CAPTIONS), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tuned", type=Path, action="append", default=[])
    parser.add_argument("--model", default="1.5b")
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--languages", default="ro,de,fr")
    options = parser.parse_args()
    questions = read_questions(data_folder("tempreason"))
    languages = tuple(options.languages.split(","))
    settings = load_settings(generator="embedded", embedded_model=options.model)
    base = build_encoder(load_settings(encoder="base"))
    tuned = build_tuned_encoders(options.tuned)
    clitssa = tuple(f"CLiTSSA ({name})" for name in tuned)
    common = TemporalPlan(TASKS, languages, (), options.questions, POOL)
    rows: list[list[object]] = []
    with contextlib.closing(build_engine(settings)) as engine:
        for run in _runs(options.part, (BASELINE, *clitssa, "structured", "oracle")):
            report = run_temporal(
                replace(
                    common,
                    tasks=run.tasks,
                    selectors=run.selectors,
                    setting=run.setting,
                    style=run.style,
                    shots=run.shots,
                ),
                questions,
                encoder=base,
                tuned=tuned,
                engine=lambda: engine,
                settings=settings,
                folder=options.out / run.folder,
            )
            rows += _rows(report)
    columns = ["setting", "style", "task", "demonstrations", *languages, "mean F1", "exact", "hinted"]
    if options.part in ("arithmetic", "demonstrations"):  # the other parts have one selector: nothing to compare
        columns += [f"to {BASELINE}", "relative, %", "p", "paper"]
    publish(
        f"temporal_answers-{options.part}-{options.model}",
        CAPTIONS[options.part].format(model=options.model.upper()),
        columns,
        [row[: len(columns)] for row in rows],
        data="TempReason test_l1, test_l1_future, test_l2, test_l3",
        seeds=[common.seed],
        encoders=[base, *tuned.values()],
        details={"generator": engine.label, "questions": options.questions},
    )


def _runs(part: str, selectors: tuple[str, ...]) -> list[Run]:
    """The evaluations of a part; `selectors` are those that "arithmetic" and "demonstrations" compare."""
    parts: Mapping[str, list[Run]] = {
        "arithmetic": [Run(tasks=("l1",), selectors=selectors)],
        "demonstrations": [Run(tasks=("l2", "l3"), selectors=selectors)],
        "styles": [Run(), Run(style="completion")],
        "facts": [
            Run("withheld", tasks=("l2",)),
            *(Run(setting, tasks=("l2",), shots=shots) for setting in ("facts", "rag") for shots in (SHOTS, 0)),
        ],
    }
    return parts[part]


def _rows(report: TemporalReport) -> list[list[object]]:
    """A row per task and selector: F1 of each language and of all, exact matches of all, comparison, paper's gain."""
    plan = report.plan
    last = 1 + len(plan.languages)
    rows: list[list[object]] = []
    for task in plan.tasks:
        exact_means = {row[0]: row[last] for row in report.table(task, "exact")[1]}
        for row in report.table(task)[1]:
            selector, *values = row
            is_clitssa = str(selector).startswith("CLiTSSA") and plan.setting == "closed"
            rows.append(
                [
                    plan.setting,
                    plan.style,
                    task,
                    selector if plan.shots else "none",
                    *values[:last],
                    exact_means[selector],
                    *values[last + 1 :],  # without the number of failed items
                    PAPER[task] if is_clitssa else "",
                ]
            )
    return rows


if __name__ == "__main__":
    main()

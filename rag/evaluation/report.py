"""The report of an evaluation of questions about time: tables, paired tests, plots and a page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rag.evaluation.plan import TemporalPlan
from rag.evaluation.results import ItemResult
from retriever.evaluation.html import Section, html_page
from retriever.evaluation.metrics import compare
from retriever.evaluation.plot import grouped_bars
from retriever.temporal.questions import TaskName

Measure = Literal["f1", "squad_f1", "exact", "best_f1", "best_exact"]
MEASURE_NAMES: dict[Measure, str] = {
    "f1": "F1 (sets)",
    "squad_f1": "F1 (SQuAD)",
    "exact": "exact match",
    "best_f1": "F1 (sets), best gold answer",
    "best_exact": "exact match, best gold answer",
}
BASELINE = "X-InSTA"
"""The selector that others are compared with; the first of the plan if it is not among them."""

Table = tuple[list[str], list[list[object]]]
"""Columns and rows."""


@dataclass(frozen=True, slots=True)
class TemporalReport:
    """A plan and the results of its items."""

    plan: TemporalPlan
    results: Sequence[ItemResult]

    @property
    def tasks(self) -> tuple[TaskName, ...]:
        """The plan's tasks that questions were asked of."""
        return tuple(task for task in self.plan.tasks if any(result.task == task for result in self.results))

    def table(self, task: TaskName, measure: Measure = "f1") -> Table:
        """One row per selector: means, failed items, the share of prompts with a hint, and the difference to BASELINE.

        Means are of each language and of all; a mean of no values is "". The paired randomisation test pools the
        languages, keeps the translations of a question together, and leaves out questions that failed with either
        selector.
        """
        languages, selectors = self.plan.languages, self.plan.selectors
        baseline = BASELINE if BASELINE in selectors else selectors[0]
        values = self._values(task, measure)
        rows: list[list[object]] = []
        for selector in selectors:
            means = _means(values[selector])
            own_results = [result for result in self.results if (result.task, result.selector) == (task, selector)]
            failed = sum(result.error is not None for result in own_results)
            hinted = float(np.mean([result.hinted for result in own_results])) if own_results else ""
            row: list[object] = [selector, *(_mean_cell(mean) for mean in (*means, float(np.mean(means))))]
            row += [failed, hinted]
            row += ["", "", ""] if selector == baseline else _difference_cells(values[selector], values[baseline])
            rows.append(row)
        return [task, *languages, "mean", "failed", "hinted", f"to {baseline}", "relative, %", "p"], rows

    def section(self, task: TaskName) -> Section:
        """A task's F1, with its plot."""
        return self._section(task, self.table(task))

    def save(self, folder: Path) -> None:
        """Write results.json, a plot for each task, and report.html."""
        plan = self.plan
        tables = {task: {measure: self.table(task, measure) for measure in MEASURE_NAMES} for task in plan.tasks}
        record = {
            **asdict(plan),
            "items": len(self.results),
            "tables": {
                task: {measure: {"columns": columns, "rows": rows} for measure, (columns, rows) in by_measure.items()}
                for task, by_measure in tables.items()
            },
        }
        text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
        (folder / "results.json").write_text(text + "\n", encoding="utf-8")
        sections = []
        for task, by_measure in tables.items():
            section = self._section(task, by_measure["f1"])
            (folder / f"{task}.png").write_bytes(section.plot)
            sections.append(section)
            sections += [
                Section(_heading(task, measure), *by_measure[measure], b"")
                for measure in MEASURE_NAMES
                if measure != "f1"
            ]
        about = {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in asdict(plan).items()}
        (folder / "report.html").write_text(html_page("Questions about time", about, sections), encoding="utf-8")

    def _section(self, task: TaskName, table: Table) -> Section:
        plan = self.plan
        title = f"{task.upper()}, {plan.setting}, {plan.shots} demonstrations, {plan.generator}"
        series = {selector: _means(values) for selector, values in self._values(task, "f1").items()}
        plot = grouped_bars(title, MEASURE_NAMES["f1"], plan.languages, series)
        return Section(_heading(task, "f1"), *table, plot)

    def _values(self, task: TaskName, measure: Measure) -> dict[str, list[dict[str, float]]]:
        """For each selector and language of the plan: question -> value, without items that failed."""
        values: dict[tuple[str, str], dict[str, float]] = {}
        for result in self.results:
            if result.task == task and result.score is not None:
                by_question = values.setdefault((result.selector, result.language), {})
                by_question[result.id] = getattr(result.score, measure)
        return {
            selector: [values.get((selector, language), {}) for language in self.plan.languages]
            for selector in self.plan.selectors
        }


def _heading(task: TaskName, measure: Measure) -> str:
    return f"{task.upper()}, {MEASURE_NAMES[measure]}"


def _means(values: Sequence[Mapping[str, float]]) -> list[float]:
    """The mean of each language; NaN where there are no values."""
    return [float(np.mean(list(by_question.values()))) if by_question else float("nan") for by_question in values]


def _mean_cell(mean: float) -> float | str:
    return "" if np.isnan(mean) else mean


def _difference_cells(
    values: Sequence[Mapping[str, float]], baseline_values: Sequence[Mapping[str, float]]
) -> list[object]:
    """Difference, relative difference in percent and p of a selector and the baseline, language by language."""
    pairs = [
        (value, baseline_by_question[question], question)
        for by_question, baseline_by_question in zip(values, baseline_values, strict=True)
        for question, value in by_question.items()
        if question in baseline_by_question
    ]
    if not pairs:
        return ["", "", ""]
    paired_values, paired_baseline, questions = zip(*pairs, strict=True)
    comparison = compare(paired_values, paired_baseline, questions)
    baseline_mean = float(np.mean(paired_baseline))
    relative = f"{100 * comparison.difference / baseline_mean:+.1f}" if baseline_mean else ""
    return [f"{comparison.difference:+.3f}", relative, comparison.p]

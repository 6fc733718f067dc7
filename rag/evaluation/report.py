"""Tables, paired tests, plots and a page of an evaluation of questions about time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rag.evaluation.temporal import TemporalPlan, values_by_selector
from retriever.evaluation.html import Section, html_page
from retriever.evaluation.metrics import compare
from retriever.evaluation.plot import grouped_bars
from retriever.temporal.questions import TaskName

MEASURES = ("f1", "squad_f1", "exact")
AGAINST = "X-InSTA"
"""The selector that others are compared with, if it is there; else the first."""


def score_table(
    lines: Sequence[Mapping[str, Any]], plan: TemporalPlan, task: TaskName, measure: str = "f1"
) -> tuple[list[str], list[list[object]]]:
    """A line a selector: the mean of each language and of all, how many failed, and the difference to X-InSTA.

    The paired randomisation test pools the languages; only questions that neither selector failed at count in it.
    """
    values = values_by_selector(lines, measure)
    against = AGAINST if AGAINST in plan.selectors else plan.selectors[0]
    columns = [task, *plan.languages, "mean", "failed", f"to {against}", "relative, %", "p"]
    rows: list[list[object]] = []
    for selector in plan.selectors:
        own = [values.get((task, language, selector), {}) for language in plan.languages]
        means = [float(np.mean(list(found.values()))) if found else float("nan") for found in own]
        failed = sum(line["task"] == task and line["selector"] == selector and "error" in line for line in lines)
        row: list[object] = [selector, *map(_told, [*means, float(np.mean(means))]), failed]
        if selector == against:
            row += ["", "", ""]
        else:
            theirs = [values.get((task, language, against), {}) for language in plan.languages]
            pairs = [(a[id_], b[id_]) for a, b in zip(own, theirs, strict=True) for id_ in a if id_ in b]
            row += _difference(pairs)
        rows.append(row)
    return columns, rows


def _told(mean: float) -> float | str:
    """Nothing, if every question failed."""
    return "" if np.isnan(mean) else mean


def _difference(pairs: Sequence[tuple[float, float]]) -> list[object]:
    if not pairs:
        return ["", "", ""]
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    found = compare(ours, theirs)
    base = float(np.mean(theirs))
    return [f"{found.difference:+.3f}", f"{100 * found.difference / base:+.1f}" if base else "", found.p]


def save_report(lines: Sequence[Mapping[str, Any]], plan: TemporalPlan, folder: Path) -> None:
    """Write results.json, a plot for each task, and report.html."""
    tables = {task: {measure: score_table(lines, plan, task, measure) for measure in MEASURES} for task in plan.tasks}
    record = {
        **asdict(plan),
        "items": len(lines),
        "tables": {
            task: {measure: {"columns": columns, "rows": rows} for measure, (columns, rows) in found.items()}
            for task, found in tables.items()
        },
    }
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    sections = []
    for task in plan.tasks:
        own = f1_section(plan, task, *tables[task]["f1"])
        (folder / f"{task}.png").write_bytes(own.plot)
        others = (("squad_f1", "F1 (SQuAD)"), ("exact", "exact match"))
        sections += [
            own,
            *(Section(f"{task.upper()}, {name}", *tables[task][measure], b"") for measure, name in others),
        ]
    about = {name: ", ".join(value) if isinstance(value, tuple) else value for name, value in asdict(plan).items()}
    (folder / "report.html").write_text(html_page("Questions about time", about, sections), encoding="utf-8")


def f1_section(plan: TemporalPlan, task: TaskName, columns: list[str], rows: list[list[object]]) -> Section:
    """A task's F1, as `table` has it, with its plot."""
    return Section(f"{task.upper()}, F1 (sets)", columns, rows, _plot(plan, task, rows))


def _plot(plan: TemporalPlan, task: str, rows: Sequence[Sequence[object]]) -> bytes:
    title = f"{task.upper()}, {plan.setting}, {plan.shots} demonstrations, {plan.generator}"
    series = {str(row[0]): [float(str(value) or "nan") for value in row[1 : 1 + len(plan.languages)]] for row in rows}
    return grouped_bars(title, "F1 (sets)", plan.languages, series)

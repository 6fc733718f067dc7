"""An evaluation on disk: TREC runs, results.json, plots, and one self-contained HTML page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from retriever.evaluation.html import Section, html_page
from retriever.evaluation.metrics import (
    MEASURES,
    Alignment,
    Comparison,
    Run,
    alignment,
    compare,
    confidence_interval,
    fairness,
    per_query,
    preference,
)
from retriever.evaluation.plot import grouped_bars
from retriever.evaluation.systems import DenseSearch, System
from retriever.evaluation.tasks import Task

Values = dict[tuple[str, str, str], dict[str, dict[str, float]]]
"""By (system, direction, language): measure -> query -> value."""
MAIN = "R@1"


class Evaluation:
    """Runs of systems over tasks and their figures. The first system is the one others are compared with."""

    def __init__(self, systems: Sequence[System], tasks: Sequence[Task]) -> None:
        self.systems = [system.name for system in systems]
        self.tasks = list(tasks)
        self.runs: dict[tuple[str, str, str], Run] = {}
        self.values: Values = {}
        self.alignments: dict[tuple[str, str, str], Alignment] = {}
        for system in systems:
            for task in tasks:
                key = (system.name, task.direction, task.language)
                self.runs[key] = system.rank(task)
                self.values[key] = per_query(task.qrels, self.runs[key])
                if isinstance(system, DenseSearch) and task.originals:
                    texts = system.encoder.encode_queries([query.text for query in task.queries.values()])
                    english = system.encoder.encode_queries(list(task.originals.values()))
                    self.alignments[key] = alignment(texts, english)

    @property
    def directions(self) -> list[str]:
        """The directions measured, in order."""
        return list(dict.fromkeys(task.direction for task in self.tasks))

    def languages(self, direction: str) -> list[str]:
        """The languages measured in a direction."""
        return [task.language for task in self.tasks if task.direction == direction]

    def mean(self, system: str, direction: str, language: str, measure: str = MAIN) -> float:
        """Mean of a measure over the queries."""
        return float(np.mean(list(self.values[system, direction, language][measure].values())))

    def by_language(self, system: str, direction: str, measure: str = MAIN) -> dict[str, list[float]]:
        """The per-query values of each language, queries in their order."""
        return {
            language: list(self.values[system, direction, language][measure].values())
            for language in self.languages(direction)
        }

    def questions(self, direction: str, language: str | None = None) -> list[str]:
        """The question of each per-query value of a language, or of all languages one after the other."""
        tasks = [task for task in self.tasks if task.direction == direction and language in (None, task.language)]
        return [task.question(id_) for task in tasks for id_ in task.qrels]

    def against(self, system: str, direction: str, language: str | None = None) -> Comparison:
        """A system against the first, paired by query: one language, or all together."""
        return self.compare(system, self.systems[0], direction, language)

    def compare(self, system: str, other: str, direction: str, language: str | None = None) -> Comparison:
        """A system against another, paired by query: one language, or all together, clustered by question."""
        values, other_values = (self.by_language(name, direction) for name in (system, other))
        languages = [language] if language else list(values)
        return compare(
            [value for code in languages for value in values[code]],
            [value for code in languages for value in other_values[code]],
            self.questions(direction, language),
        )

    def table(self, direction: str) -> tuple[list[str], list[list[object]]]:
        """R@1 of every language, and fairness, one line a system."""
        languages = self.languages(direction)
        columns = ["system", *languages, "mean", "worst", "spread", "to English", "difference", "p"]
        rows = []
        for system in self.systems:
            fair = fairness(self.by_language(system, direction))
            line: list[object] = [system, *(self.mean(system, direction, language) for language in languages)]
            line += [fair.mean, fair.worst, fair.spread, "" if fair.to_english is None else fair.to_english]
            if system == self.systems[0]:
                line += ["", ""]
            else:
                against = self.against(system, direction)
                line += [f"{against.difference:+.3f}", against.p]
            rows.append(line)
        return columns, rows

    def as_dict(self) -> dict[str, Any]:
        """Everything but the runs, for JSON."""
        results: list[dict[str, Any]] = []
        for task in self.tasks:
            for system in self.systems:
                values = self.values[system, task.direction, task.language]
                row: dict[str, Any] = {"system": system, "direction": task.direction, "language": task.language}
                row["queries"], row["passages"] = len(task.queries), len(task.passages)
                row["measures"] = {name: float(np.mean(list(values[name].values()))) for name in MEASURES}
                row["interval"] = confidence_interval(list(values[MAIN].values()))
                if system != self.systems[0]:
                    row["against_first"] = asdict(self.against(system, task.direction, task.language))
                if measured := self.alignments.get((system, task.direction, task.language)):
                    row["alignment"] = asdict(measured)
                if task.versions is not None:
                    run = self.runs[system, task.direction, task.language]
                    row["preference"] = asdict(preference(task, run))
                results.append(row)
        summary = [
            {"system": system, "direction": direction, **asdict(fairness(self.by_language(system, direction)))}
            for direction in self.directions
            for system in self.systems
        ]
        return {"systems": self.systems, "results": results, "fairness": summary}

    def save(self, folder: Path, about: Mapping[str, object]) -> None:
        """Write runs/*.trec, results.json, a plot for each direction, and report.html."""
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        for (system, direction, language), run in self.runs.items():
            lines = [
                f"{query} Q0 {passage} {rank} {score:.6f} {system.replace(' ', '_')}\n"
                for query, hits in run.items()
                for rank, (passage, score) in enumerate(sorted(hits.items(), key=lambda hit: -hit[1]), start=1)
            ]
            file = folder / "runs" / f"{_slug(system)}.{_slug(direction)}.{language}.trec"
            file.write_text("".join(lines), encoding="utf-8")
        record = {**about, **self.as_dict()}
        text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
        (folder / "results.json").write_text(text + "\n", encoding="utf-8")
        plots = {direction: self._plot(direction) for direction in self.directions}
        for direction, png in plots.items():
            (folder / f"{_slug(direction)}.png").write_bytes(png)
        (folder / "report.html").write_text(self._html(about, plots), encoding="utf-8")

    def _plot(self, direction: str) -> bytes:
        languages = self.languages(direction)
        values = {system: self.by_language(system, direction) for system in self.systems}
        return grouped_bars(
            f"{direction}: {MAIN}, 95 % intervals",
            MAIN,
            languages,
            {name: [float(np.mean(by_language[code])) for code in languages] for name, by_language in values.items()},
            {
                name: [confidence_interval(by_language[code]) for code in languages]
                for name, by_language in values.items()
            },
        )

    def _html(self, about: Mapping[str, object], plots: Mapping[str, bytes]) -> str:
        sections = [Section(direction, *self.table(direction), png) for direction, png in plots.items()]
        return html_page("Retrieval by language", about, sections)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-@" else "-" for c in name)

"""The report of an evaluation of answers: a table by language, and a page with every answer beside its evidence."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.answering.rendering import is_quotation
from rag.evaluation.answer_results import AnswerItem, AnswerPlan
from rag.evaluation.answer_scores import WRONG
from retriever.evaluation.html import Section, html_page

COLUMNS = [
    "questions",
    "n",
    "recall",
    "answered",
    "wrong of these",
    "quoted of these",
    "in the language",
    "citations right",
    "failed",
    "median s",
]
ITEM_COLUMNS = ["language", "question", "right answers", "answer", "recall", "source"]
WITHOUT_PASSAGE, WITHOUT_ANSWER = "without their passage", "without an answer"
"""The rows of questions whose passage was taken out, and of those that nothing answered to begin with."""


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """A plan and its items."""

    plan: AnswerPlan
    items: Sequence[AnswerItem]

    def table(self) -> list[list[object]]:
        """A row for each language, for all, and for both kinds that cannot be answered; see COLUMNS.

        Shares of nothing are "".
        """
        answerable = [item for item in self.items if item.is_answerable]
        rows = [
            _row(language, [item for item in answerable if item.language == language])
            for language in self.plan.languages
        ]
        rows.append(_row("all", answerable))
        others = [item for item in self.items if not item.is_answerable]
        for name, has_golds in ((WITHOUT_PASSAGE, True), (WITHOUT_ANSWER, False)):
            if kind := [item for item in others if bool(item.golds) == has_golds]:
                rows.append(_row(name, kind))
        return rows

    def save(self, folder: Path) -> None:
        """Write results.json and report.html."""
        table = self.table()
        record = {**asdict(self.plan), "columns": COLUMNS, "rows": table}
        text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
        (folder / "results.json").write_text(text + "\n", encoding="utf-8")
        sections = [Section("By language", COLUMNS, table, b"")]
        for heading, is_answerable in (("Answers", True), ("Questions that cannot be answered", False)):
            rows = [_item_row(item) for item in self.items if item.is_answerable == is_answerable]
            if rows:
                sections.append(Section(heading, ITEM_COLUMNS, rows, b""))
        about = {"data": self.plan.data, "questions a language": self.plan.questions, "seed": self.plan.seed}
        about["an answer is wrong below a recall of"] = WRONG
        (folder / "report.html").write_text(html_page("Answers", about, sections), encoding="utf-8")


def _row(name: str, items: Sequence[AnswerItem]) -> list[object]:
    scored = [(item, item.scores) for item in items if item.scores]
    given = [scores for item, scores in scored if not item.abstained]
    in_language = [scores.is_in_language for scores in given if scores.is_in_language is not None]
    citations = [is_right for scores in given for is_right in scores.right_citations]
    return [
        name,
        len(scored),
        _mean([scores.recall for _, scores in scored]),
        _mean([not item.abstained for item, _ in scored]),
        _mean([scores.recall < WRONG for scores in given]),
        _mean([is_quotation(item.answer, item.language) for item, _ in scored if not item.abstained]),
        _mean(in_language),
        _mean(citations),
        sum(item.error is not None for item in items),
        statistics.median(item.seconds for item, _ in scored) if scored else "",
    ]


def _mean(values: Sequence[float]) -> float | str:
    return statistics.fmean(values) if values else ""


def _item_row(item: AnswerItem) -> list[object]:
    source = "; ".join(f"{citation.title}: {citation.quote.strip()}" for citation in item.citations)
    recall: object = "" if item.scores is None or item.abstained else item.scores.recall
    answer = item.error or (f"(refused) {item.answer}" if item.abstained else item.answer)
    return [item.language, item.question, "; ".join(item.golds), answer, recall, source]

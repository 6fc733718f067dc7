"""Run an evaluation of answers: questions with gold answers through `RAG.ask`, item by item.

Each item becomes one line of items.jsonl as soon as it is answered. A run that was killed continues where it stopped;
an item that failed is recorded with its error, and the next run tries it again.
"""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from rag.errors import GeneratorError
from rag.evaluation.answer_data import AnswerData, AnswerQuestion, draw_questions
from rag.evaluation.answer_report import AnswerReport
from rag.evaluation.answer_results import AnswerItem, AnswerPlan, CitedPassage
from rag.evaluation.answer_scores import score_answer
from rag.evaluation.results import ITEMS, append_lines, read_complete_lines, write_plan
from rag.generation.engine import Engine
from rag.pipeline import RAG
from rag.settings import Settings
from retriever.errors import DataError
from retriever.models.protocols import TextEncoder


def run_answers(
    plan: AnswerPlan,
    data: AnswerData,
    *,
    settings: Settings,
    folder: Path,
    encoder: TextEncoder | None = None,
    engine: Engine | None = None,
    in_flight: int = 1,
) -> AnswerReport:
    """Carry out a plan, or the rest of it, and write its report into the folder.

    The data's passages become a library in the folder, without those of the questions that cannot be answered; data
    without passages is asked of the library that the settings name. `in_flight` questions are asked at a time.

    Raises DataError for too few questions or a folder that holds another plan, and GeneratorError if the generator does
    not open.
    """
    drawn, unanswerable = draw_questions(data, plan.questions, plan.unanswerable, plan.seed)
    write_plan(asdict(plan), folder)
    items = read_items(folder)
    own = settings.model_copy(update={"library": folder / "library", "sample": False}) if drawn.passages else settings
    with RAG(own, encoder=encoder, engine=engine, holder="an evaluation") as rag:
        if drawn.passages and not rag.documents():
            rag.library.add_texts([(f"{number:05}.txt", text) for number, text in enumerate(drawn.passages)])
        _ = rag.engine
        pending = [question for question in drawn.questions if _key(question) not in items]
        _ask_all(rag, plan, pending, unanswerable, folder, items, in_flight)
    wanted = {_key(question) for question in drawn.questions}
    report = AnswerReport(plan, [item for key, item in items.items() if key in wanted])
    report.save(folder)
    return report


def read_items(folder: Path) -> dict[str, AnswerItem]:
    """The items in a folder that did not fail, by key. Raises DataError for a line that is no item."""
    path = folder / ITEMS
    items = {}
    for number, line in enumerate(read_complete_lines(path), start=1):
        try:
            item = AnswerItem.from_json(line)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: not an item of an evaluation ({error}).") from error
        if item.error is None:
            items[item.key] = item
    return items


def _ask_all(
    rag: RAG,
    plan: AnswerPlan,
    questions: Sequence[AnswerQuestion],
    unanswerable: set[str],
    folder: Path,
    items: dict[str, AnswerItem],
    in_flight: int,
) -> None:
    writing = threading.Lock()
    with (folder / ITEMS).open("a", encoding="utf-8") as file, ThreadPoolExecutor(in_flight) as threads:

        def ask(question: AnswerQuestion) -> AnswerItem:
            item = _ask(rag, plan, question, question.id not in unanswerable)
            with writing:
                append_lines([item.to_json()], file)
            return item

        futures = [threads.submit(ask, question) for question in questions]
        try:
            for future in tqdm(as_completed(futures), total=len(futures), desc="Questions", disable=None):
                item = future.result()
                items[item.key] = item
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def _ask(rag: RAG, plan: AnswerPlan, question: AnswerQuestion, is_answerable: bool) -> AnswerItem:
    known = AnswerItem(
        id=question.id,
        language=question.language,
        question=question.text,
        golds=question.golds,
        is_answerable=is_answerable,
    )
    try:
        answer = rag.ask(question.text, language=question.language)
    except GeneratorError as error:
        return known.failed(str(error))
    scores = score_answer(answer, question.golds, question.passage, question.language, plan.languages)
    cited = tuple(CitedPassage(citation.passage.title, citation.quote) for citation in answer.citations)
    return known.answered(answer, scores, cited)


def _key(question: AnswerQuestion) -> str:
    return json.dumps([question.id, question.language])

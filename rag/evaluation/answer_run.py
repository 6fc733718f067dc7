"""Run an evaluation of answers: questions with gold answers through `RAG.ask`, item by item.

Each item becomes one line of items.jsonl as soon as it is answered. A run that was killed continues where it stopped;
an item that failed is recorded with its error, and the next run tries it again.
"""

from dataclasses import asdict
from pathlib import Path

from rag.errors import GeneratorError
from rag.evaluation.answer_data import AnswerData, AnswerQuestion, draw_questions
from rag.evaluation.answer_report import AnswerReport
from rag.evaluation.answer_results import AnswerItem, AnswerPlan, CitedPassage
from rag.evaluation.answer_scores import score_answer
from rag.evaluation.results import ITEMS, read_items, record_items, write_plan
from rag.generation.engine import Engine
from rag.pipeline import RAG
from rag.settings import Settings
from retriever.languages.detection import UNKNOWN
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
    items = read_answered(folder)
    own = settings.model_copy(update={"library": folder / "library", "sample": False}) if drawn.passages else settings
    with RAG(own, encoder=encoder, engine=engine, holder="an evaluation") as rag:
        if drawn.passages and not rag.documents():
            rag.library.add_texts([(f"{number:05}.txt", text) for number, text in enumerate(drawn.passages)])
        _ = rag.engine
        pending = [question for question in drawn.questions if question.key not in items]

        def ask(question: AnswerQuestion) -> list[AnswerItem]:
            return [_ask(rag, plan, question, question.id not in unanswerable)]

        for item in record_items(pending, ask, folder, in_flight=in_flight, total=len(pending)):
            items[item.key] = item
    report = AnswerReport(plan, [items[question.key] for question in drawn.questions])
    report.save(folder)
    return report


def read_answered(folder: Path) -> dict[str, AnswerItem]:
    """The items in a folder that did not fail, by key. Raises DataError for a line that is no item."""
    items = read_items(folder / ITEMS, AnswerItem.from_json)
    return {item.key: item for item in items if item.error is None}


def _ask(rag: RAG, plan: AnswerPlan, question: AnswerQuestion, is_answerable: bool) -> AnswerItem:
    known = AnswerItem(
        key=question.key,
        language=question.language,
        question=question.text,
        golds=question.golds,
        is_answerable=is_answerable,
    )
    try:
        answer = rag.ask(question.text, language=None if question.language == UNKNOWN else question.language)
    except GeneratorError as error:
        return known.failed(str(error))
    scores = score_answer(answer, question.golds, question.passage, question.language, plan.languages)
    cited = tuple(CitedPassage(citation.passage.title, citation.quote) for citation in answer.citations)
    return known.answered(answer, scores, cited)

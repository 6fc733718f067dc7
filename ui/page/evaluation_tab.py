"""The tab for a small evaluation: which solved questions help the generator here with questions about time?"""

import contextlib
import contextvars
import random
import tempfile
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import gradio as gr

from rag.evaluation.plan import TemporalPlan
from rag.evaluation.run import run_temporal
from rag.pipeline import RAG
from retriever.errors import IsthmusError
from retriever.evaluation.html import html_section
from retriever.languages.locales import native_name
from retriever.temporal import arithmetic
from retriever.temporal.arithmetic import random_shifts
from retriever.temporal.questions import TemporalQuestion, questions_from_shifts, read_questions
from ui.page import cards
from ui.page.stopping import StoppableEngine

POOL = 200
"""English questions of each task to choose demonstrations from."""
MAX_QUESTIONS = 20
YEARS = range(1900, 2100)
SELECTORS = ("random", "X-InSTA", "mapped")
STOP_SECONDS = 0.25
"""How often a running evaluation looks whether the user has stopped it."""


def build(rag: RAG, t: Any) -> None:
    """Lay out the tab; `t` gives the browser's language of a string by key."""
    gr.Markdown(t("evaluation_hint"))
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            file = gr.File(
                label=t("evaluation_file"), file_types=[".jsonl"], type="filepath", elem_id="evaluation-file"
            )
            choices = [(native_name(code), code) for code in arithmetic.languages()]
            language = gr.Dropdown(choices, value="ro", label=t("evaluation_language"), elem_id="evaluation-language")
            count = gr.Slider(
                1, MAX_QUESTIONS, 5, step=1, label=t("evaluation_questions"), elem_id="evaluation-questions"
            )
            start = gr.Button(t("evaluate"), variant="primary", elem_id="evaluate")
            stop = gr.Button(t("stop"))
        with gr.Column(scale=2):
            report = gr.HTML(elem_id="evaluation", elem_classes="evaluation")

    def run(
        path: str | None,
        language: str,
        count: int,
        progress: gr.Progress = gr.Progress(track_tqdm=True),  # noqa: B008
    ) -> Iterator[Any]:
        progress(0)
        try:
            questions = read_questions(Path(path)) if path else None
            with contextlib.closing(run_evaluation(rag, questions, language, count)) as reports:
                for html in reports:
                    yield html or gr.skip()
        except IsthmusError as error:
            yield cards.failure(str(error))

    running = start.click(run, [file, language, count], report, concurrency_limit=1, api_visibility="private")
    stop.click(None, cancels=running)


def run_evaluation(
    rag: RAG, questions: list[TemporalQuestion] | None, language: str, count: int
) -> Generator[str | None, None, None]:
    """`small_evaluation` in a thread: yields None while it runs, then its HTML. Closing the iterator stops it."""
    yield None  # Gradio can close an iterator only after its first value
    stopped = threading.Event()
    thread = ThreadPoolExecutor(1)
    # Gradio finds the progress bar of the page in the context.
    evaluation = contextvars.copy_context().run
    future = thread.submit(evaluation, small_evaluation, rag, questions, language, count, stopped)
    try:
        while not wait([future], STOP_SECONDS).done:
            yield None
        yield future.result()
    finally:
        stopped.set()
        thread.shutdown(wait=False)  # Gradio closes the iterator in the thread that serves everyone


def small_evaluation(
    rag: RAG, questions: list[TemporalQuestion] | None, language: str, count: int, stopped: threading.Event
) -> str:
    """Table and plot of a few questions to the page's generator, as HTML; calendar arithmetic if there are none.

    Raises IsthmusError if there are too few questions, if the generator cannot be had, or soon after `stopped` is set.
    """
    questions = questions or questions_from_shifts(random_shifts(POOL + MAX_QUESTIONS, YEARS, random.Random(1)))
    plan = TemporalPlan(
        tasks=tuple(dict.fromkeys(question.task for question in questions)),
        languages=(language,),
        selectors=SELECTORS,
        questions=count,
        pool=POOL,
    )
    with tempfile.TemporaryDirectory() as folder:
        report = run_temporal(
            plan,
            questions,
            encoder=rag.library.encoder,
            tuned={},
            engine=lambda: StoppableEngine(rag.engine, stopped),
            settings=rag.settings,
            folder=Path(folder),
            in_flight=2,
        )
    return "\n".join(html_section(report.section(task)) for task in report.tasks)

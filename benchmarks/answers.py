"""Answers to XQuAD questions in eight languages out of its English passages, on articles that no choice was made on.

`python -m benchmarks.answers [--engine embedded|vllm|both] [--questions 40] [--seed 1]`

For each language the same questions of the 8 articles that neither the shipped encoder nor `support.json` has seen, and
two kinds that nothing answers, UNANSWERABLE of each: those whose passages are not in the library, although other
passages of the article stand there, and those about another year or name than their passage. Scored as by `isthmus eval
answers`: character-3-gram recall (BERGEN) of the gold answer in the question's language or in English, whichever is
better, because names and quoted words may stay as the passage has them.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.answer_data import LANGUAGES, afriqa_part, subject_names, with_another_subject, xquad_part
from benchmarks.report import data_folder, publish
from rag.build import build_encoder, build_engine
from rag.evaluation.answer_report import COLUMNS
from rag.evaluation.answer_results import AnswerPlan
from rag.evaluation.answer_run import run_answers
from rag.generation.client import ChatClient
from rag.generation.engine import Engine
from rag.generation.vllm_server import vllm_server
from rag.settings import load_settings

CAPTION = "Answers of the {generator} to XQuAD questions out of English passages"
UNANSWERABLE = 13
"""Questions a language of each kind."""


def measure(engine_name: str, per_language: int, seed: int, model: str) -> None:
    """Run one engine over all questions and publish answers-ENGINE-MODEL.json."""
    data = xquad_part(data_folder("xquad"), "test")
    names = subject_names(afriqa_part(data_folder("afriqa"), "dev"))
    data.questions.extend(with_another_subject(data, names, UNANSWERABLE, seed))
    plan = AnswerPlan("XQuAD", tuple(LANGUAGES), per_language, UNANSWERABLE, seed)
    settings = load_settings(embedded_model=model, generator="embedded", timeout=600)
    encoder = build_encoder(settings)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        if engine_name == "vllm":
            url = stack.enter_context(vllm_server(settings, model=model))
            engine: Engine = ChatClient(url, model=None, api_key="none", timeout=600)
        else:
            engine = build_engine(settings)
        report = run_answers(
            plan,
            data,
            settings=settings,
            folder=Path(scratch),
            encoder=encoder,
            engine=engine,
            in_flight=4 if engine_name == "vllm" else 1,
        )
    kind = "embedded" if engine_name == "embedded" else "vLLM’s"
    publish(
        f"answers-{engine_name}-{model}",
        CAPTION.format(generator=f"{kind} {model.upper()}"),
        COLUMNS,
        report.table(),
        data="XQuAD, 8 held-out articles of 24",
        seeds=[seed],
        encoders=[encoder],
        details={"engine": engine_name, "generator": engine.label.split(" at http")[0]},
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=["embedded", "vllm", "both"], default="both")
    parser.add_argument("--model", choices=["1.5b", "0.5b"], default="1.5b")
    parser.add_argument("--questions", type=int, default=40, help="questions a language")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    data_folder("xquad")
    for engine in ["embedded", "vllm"] if arguments.engine == "both" else [arguments.engine]:
        measure(engine, arguments.questions, arguments.seed, arguments.model)


if __name__ == "__main__":
    main()

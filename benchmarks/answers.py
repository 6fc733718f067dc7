"""Answers to XQuAD questions in eight languages out of its English passages, on articles that no choice was made on.

`python -m benchmarks.answers [--engine embedded|vllm|both] [--questions 25] [--seed 1]`

For each language the same questions of the 8 articles that neither the shipped encoder nor `support.json` has seen,
against a library of all 120 English passages; and UNANSWERABLE others a language against a library without their
passages, so that nothing answers them although the article's other passages are there.
An answer is scored by character-3-gram recall (BERGEN) of the gold answer in the question's language or in English,
whichever is better, because names and quoted words may stay as the passage has them; it is wrong if it holds less than
WRONG of it. Right language: of the answers that are sentences, which of the eight languages it is, detected by lingua
at full accuracy, which the product does not use, without capitalised words and quotations; refusals, and answers left
with fewer than 15 letters, are not counted. Citation precision is the share of cited passages that are the gold one.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import re
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lingua import IsoCode639_1, LanguageDetector, LanguageDetectorBuilder
from tqdm import tqdm

from benchmarks.answer_data import LANGUAGES, AnswerQuestion, draw_xquad
from benchmarks.answer_scores import recall3, token_f1
from benchmarks.report import data_folder, publish
from rag.build import build_encoder
from rag.errors import GeneratorError
from rag.generation.citation_marks import strip_citation_marks
from rag.generation.client import ChatClient
from rag.generation.engine import Engine
from rag.generation.vllm_server import vllm_server
from rag.pipeline import RAG
from rag.settings import load_settings
from rag.types import Answer

CAPTION = "Answers of the {generator} to XQuAD questions out of English passages"
COLUMNS = (
    "language",
    "n",
    "recall3",
    "answered",
    "wrong of these",
    "F1",
    "right language",
    "citation precision",
    "failed",
    "median s",
)
UNANSWERABLE = 6
"""Questions a language."""
WRONG = 0.3
"""An answer with less recall is wrong."""
LEAST_LETTERS = 15
"""Answers with fewer are too short for their language to be detected."""
QUOTED = re.compile(r'"[^"]*"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」')
"""A title or wording quoted from the passages is in their language, and rightly so."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good an answer is; `detected` is its language, None if it is a refusal or too short to tell."""

    recall3: float
    f1: float
    abstained: bool
    detected: str | None
    citations_right: tuple[bool, ...]
    seconds: float


Results = list[tuple[AnswerQuestion, Score | None]]
"""Questions with the scores of their answers; None where the generator failed."""


def score_answer(question: AnswerQuestion, answer: Answer, detector: LanguageDetector) -> Score:
    """The scores of one answer."""
    plain = strip_citation_marks(answer.text)
    cited = [citation.passage for citation in answer.citations if citation.used]
    return Score(
        recall3=0.0 if answer.abstained else max(recall3(plain, gold) for gold in question.golds),
        f1=0.0 if answer.abstained else max(token_f1(plain, gold) for gold in question.golds),
        abstained=answer.abstained,
        detected=None if answer.abstained else _detect(plain, detector),
        citations_right=tuple(" ".join(passage.text.split()) in question.passage for passage in cited),
        seconds=answer.timings["total"],
    )


def _detect(answer: str, detector: LanguageDetector) -> str | None:
    words = " ".join(word for word in QUOTED.sub(" ", answer).split() if not word[0].isupper())
    if sum(c.isalpha() for c in words) < LEAST_LETTERS:
        return None
    language = detector.detect_language_of(words)
    return language.iso_code_639_1.name.lower() if language else "und"


def ask_all(
    rag: RAG, questions: Sequence[AnswerQuestion], detector: LanguageDetector, threads: int
) -> Iterator[tuple[AnswerQuestion, Score | None]]:
    """Ask, several at a time where the engine gains by it."""

    def ask(question: AnswerQuestion) -> tuple[AnswerQuestion, Score | None]:
        try:
            answer = rag.ask(question.text)
        except GeneratorError:
            return question, None
        return question, score_answer(question, answer, detector)

    with ThreadPoolExecutor(threads) as pool:
        yield from tqdm(pool.map(ask, questions), total=len(questions), unit="question")


def summarise(results: Results, name: str) -> list[object]:
    """The row of some questions."""
    scored = [score for _, score in results if score]
    answered = [score for score in scored if not score.abstained]
    in_language = [
        float(score.detected == question.language) for question, score in results if score and score.detected
    ]
    citations = [float(is_right) for score in answered for is_right in score.citations_right]
    return [
        name,
        len(scored),
        _mean([score.recall3 for score in scored]),
        len(answered) / max(1, len(scored)),
        _mean([float(score.recall3 < WRONG) for score in answered]),
        _mean([score.f1 for score in scored]),
        f"{_mean(in_language):.3f} of {len(in_language)}" if in_language else "",
        _mean(citations),
        len(results) - len(scored),
        statistics.median(score.seconds for score in scored) if scored else float("nan"),
    ]


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else float("nan")


def measure(engine_name: str, per_language: int, seed: int, model: str) -> None:
    """Run one engine over all questions and publish answers-ENGINE-MODEL.json."""
    pool = draw_xquad(data_folder("xquad"), "test", per_language + UNANSWERABLE, random.Random(seed))
    ids = list(dict.fromkeys(question.id for question in pool.questions))
    answerable = [question for question in pool.questions if question.id in ids[:per_language]]
    unanswerable = [question for question in pool.questions if question.id in ids[per_language:]]
    removed = {question.passage for question in unanswerable}
    detector = LanguageDetectorBuilder.from_iso_codes_639_1(
        *(getattr(IsoCode639_1, code.upper()) for code in LANGUAGES)
    ).build()
    results: list[Results] = []
    engine: Engine | None = None
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        base = load_settings(embedded_model=model, generator="embedded", timeout=600)
        encoder = build_encoder(base)
        if engine_name == "vllm":
            url = stack.enter_context(vllm_server(base, model=model))
            engine = ChatClient(url, model=None, api_key="none", timeout=600)
        for name, questions, texts in (
            ("answerable", answerable, pool.passages),
            ("unanswerable", unanswerable, [text for text in pool.passages if text not in removed]),
        ):
            settings = base.model_copy(update={"library": Path(scratch, name)})
            rag = RAG(settings, encoder=encoder, engine=engine)
            rag.library.add_texts([(f"{n:03}.txt", text) for n, text in enumerate(texts)])
            engine = rag.engine
            results.append(list(ask_all(rag, questions, detector, 4 if engine_name == "vllm" else 1)))
            rag.library.close()
        label = engine.label if engine else engine_name
        if engine:
            engine.close()
    rows = [
        summarise([result for result in results[0] if result[0].language == language], language)
        for language in LANGUAGES
    ]
    rows.append(summarise(results[0], "all"))
    rows.append(summarise(results[1], "unanswerable"))
    kind = "embedded" if engine_name == "embedded" else "vLLM’s"
    publish(
        f"answers-{engine_name}-{model}",
        CAPTION.format(generator=f"{kind} {model.upper()}"),
        COLUMNS,
        rows,
        data="XQuAD, 8 held-out articles of 24",
        seeds=[seed],
        encoders=[encoder],
        details={"engine": engine_name, "generator": label.split(" at http")[0]},
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=["embedded", "vllm", "both"], default="both")
    parser.add_argument("--model", choices=["1.5b", "0.5b"], default="1.5b")
    parser.add_argument("--questions", type=int, default=25, help="questions a language")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    data_folder("xquad")
    for engine in ["embedded", "vllm"] if arguments.engine == "both" else [arguments.engine]:
        measure(engine, arguments.questions, arguments.seed, arguments.model)


if __name__ == "__main__":
    main()

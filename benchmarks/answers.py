"""Answers to XQuAD questions in eight languages out of its English passages.

`python -m benchmarks.answers [--engine embedded|vllm|both] [--questions 25] [--seed 1]`

For each language the same questions, against a library of all 120 English passages; and 25 questions, spread over the
languages, against a library without their passages, so that nothing answers them although the article's other passages
are there.
Answers are scored against XQuAD's gold answer in the question's language: character-3-gram recall (BERGEN), token
F1; correct-language rate (which of the eight it is, detected by lingua at full accuracy, which the product does not
use, without capitalised words and quotations; answers left with fewer than 15 letters are not counted); citation
precision (share of cited passages that are the gold one); abstention.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import re
import statistics
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lingua import IsoCode639_1, LanguageDetector, LanguageDetectorBuilder
from tqdm import tqdm

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
from retriever.data.squad import ParallelSquad, Question, read_squad

CAPTION = "Answers of the {generator} to XQuAD questions out of English passages"
COLUMNS = (
    "language",
    "n",
    "recall3",
    "recall3 answered",
    "F1",
    "right language",
    "citation precision",
    "abstained",
    "failed",
)
LANGUAGES = ["en", "de", "es", "ro", "ru", "hi", "ar", "th"]
UNANSWERABLE = 25
LEAST_LETTERS = 15
"""Answers with fewer are too short for their language to be detected."""
QUOTED = re.compile(r'"[^"]*"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」')
"""A title or wording quoted from the passages is in their language, and rightly so."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good an answer is; `detected` is its language, None if the answer is too short to tell."""

    recall3: float
    f1: float
    abstained: bool
    detected: str | None
    citations_right: tuple[bool, ...]


Results = list[tuple[Question, Score | None]]
"""Questions with the scores of their answers; None where the generator failed."""


def normalize(text: str) -> str:
    """Lower case, ASCII digits, letters and digits only.

    >>> normalize("Die «Olympischen» Spiele, १९३६")
    'die olympischen spiele 1936'
    """
    digits = (str(unicodedata.decimal(c)) if c.isdecimal() else c for c in unicodedata.normalize("NFKC", text).lower())
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in digits).split())


def recall3(answer: str, gold: str) -> float:
    """Share of the gold answer's character 3-grams that the answer holds.

    >>> recall3("It was in 1936.", "1936"), recall3("It was in 1938.", "1936")
    (1.0, 0.5)
    """
    gold_grams = _trigrams(gold)
    return sum((gold_grams & _trigrams(answer)).values()) / max(1, sum(gold_grams.values()))


def _trigrams(text: str) -> Counter[str]:
    letters = normalize(text)
    return Counter(letters[i : i + 3] for i in range(max(1, len(letters) - 2)))


def token_f1(answer: str, gold: str) -> float:
    """SQuAD's F1 over words; over characters in Thai, which writes no spaces.

    >>> token_f1("in 1936", "1936")
    0.6666666666666666
    """
    is_thai = any("\u0e00" <= c <= "\u0e7f" for c in gold)
    answer_tokens, gold_tokens = (
        Counter(normalize(text).replace(" ", "") if is_thai else normalize(text).split()) for text in (answer, gold)
    )
    common = sum((answer_tokens & gold_tokens).values())
    return 2 * common / max(1, sum(answer_tokens.values()) + sum(gold_tokens.values()))


def score_answer(question: Question, paragraph: str, answer: Answer, detector: LanguageDetector) -> Score:
    """`paragraph` is the English one that holds the answer."""
    plain = strip_citation_marks(answer.text)
    cited = [citation.passage for citation in answer.citations if citation.used]
    return Score(
        recall3=0.0 if answer.abstained else max(recall3(plain, gold) for gold in question.answers),
        f1=0.0 if answer.abstained else max(token_f1(plain, gold) for gold in question.answers),
        abstained=answer.abstained,
        detected=_detect(plain, detector),
        citations_right=tuple(" ".join(passage.text.split()) in paragraph for passage in cited),
    )


def _detect(answer: str, detector: LanguageDetector) -> str | None:
    words = " ".join(word for word in QUOTED.sub(" ", answer).split() if not word[0].isupper())
    if sum(c.isalpha() for c in words) < LEAST_LETTERS:
        return None
    language = detector.detect_language_of(words)
    return language.iso_code_639_1.name.lower() if language else "und"


def ask_all(
    rag: RAG, questions: Sequence[Question], paragraphs: Mapping[str, str], detector: LanguageDetector, threads: int
) -> Iterator[tuple[Question, Score | None]]:
    """Ask, several at a time where the engine gains by it."""

    def ask(question: Question) -> tuple[Question, Score | None]:
        try:
            answer = rag.ask(question.text)
        except GeneratorError:
            return question, None
        return question, score_answer(question, paragraphs[question.passage_id], answer, detector)

    with ThreadPoolExecutor(threads) as pool:
        yield from tqdm(pool.map(ask, questions), total=len(questions), unit="question")


def summarise(results: Results, language: str) -> list[object]:
    """The row of a language."""
    scores = [score for question, score in results if question.language == language]
    scored = [score for score in scores if score]
    answered = [score for score in scored if not score.abstained]
    in_language = [float(score.detected == language) for score in scored if score.detected]
    citations = [float(is_right) for score in scored for is_right in score.citations_right]
    return [
        language,
        len(scored),
        _mean([score.recall3 for score in scored]),
        _mean([score.recall3 for score in answered]),
        _mean([score.f1 for score in scored]),
        f"{_mean(in_language):.3f} of {len(in_language)}",
        _mean(citations),
        1 - len(answered) / max(1, len(scored)),
        len(scores) - len(scored),
    ]


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else float("nan")


def draw_questions(squad: ParallelSquad, per_language: int, seed: int) -> tuple[list[Question], list[Question]]:
    """So many questions a language, the same ones in each, and UNANSWERABLE others, spread over the languages."""
    by_id = {language: {question.id: question for question in squad.questions[language]} for language in LANGUAGES}
    ids = random.Random(seed).sample(sorted(by_id["en"]), per_language + UNANSWERABLE)
    answerable = [by_id[language][id_] for language in LANGUAGES for id_ in ids[:per_language]]
    unanswerable = [by_id[LANGUAGES[n % len(LANGUAGES)]][id_] for n, id_ in enumerate(ids[per_language:])]
    return answerable, unanswerable


def measure(engine_name: str, per_language: int, seed: int, model: str) -> None:
    """Run one engine over all questions and publish answers-ENGINE-MODEL.json."""
    squad = read_squad(data_folder("xquad"), LANGUAGES)
    answerable, unanswerable = draw_questions(squad, per_language, seed)
    detector = LanguageDetectorBuilder.from_iso_codes_639_1(
        *(getattr(IsoCode639_1, code.upper()) for code in LANGUAGES)
    ).build()
    paragraphs = squad.passages["en"]
    removed = {question.passage_id for question in unanswerable}
    results: list[Results] = []
    engine: Engine | None = None
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        base = load_settings(embedded_model=model, generator="embedded", timeout=600)
        encoder = build_encoder(base)
        if engine_name == "vllm":
            url = stack.enter_context(vllm_server(base, model=model))
            engine = ChatClient(url, model=None, api_key="none", timeout=600)
        for name, questions, texts in (
            ("answerable", answerable, list(paragraphs.values())),
            ("unanswerable", unanswerable, [text for id_, text in paragraphs.items() if id_ not in removed]),
        ):
            settings = base.model_copy(update={"library": Path(scratch, name)})
            rag = RAG(settings, encoder=encoder, engine=engine)
            rag.library.add_texts([(f"{n:03}.txt", text) for n, text in enumerate(texts)])
            engine = rag.engine
            threads = 4 if engine_name == "vllm" else 1
            results.append(list(ask_all(rag, questions, paragraphs, detector, threads)))
            rag.library.close()
        label = engine.label if engine else engine_name
        if engine:
            engine.close()
    refused = [score for _, score in results[1] if score]
    rows = [summarise(results[0], language) for language in LANGUAGES]
    abstained = _mean([float(score.abstained) for score in refused])
    failed = len(results[1]) - len(refused)
    rows.append(["unanswerable", len(refused), "", "", "", "", "", abstained, failed])
    kind = "embedded" if engine_name == "embedded" else "vLLM’s"
    publish(
        f"answers-{engine_name}-{model}",
        CAPTION.format(generator=f"{kind} {model.upper()}"),
        COLUMNS,
        rows,
        data="XQuAD, 24 articles",
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

"""Answers to XQuAD questions in eight languages out of its English passages.

`python -m benchmarks.answers [--engine embedded|vllm|both] [--questions 25] [--seed 1]`

For each language as many questions as asked for, the same ones in every language, against a library of all 120
English passages; and 25 questions, spread over the languages, against a library from which just their own
passages were taken out, so that nothing answers them although the article's other passages are there.
Answers are scored against XQuAD's gold answer in the question's language: character-3-gram recall (BERGEN), token
F1; correct-language rate (which of the eight it is, judged by lingua at full accuracy, which the product does not
use, without capitalised words and quotations; answers left with fewer than 15 letters are not judged); citation
precision (share of cited passages that are the gold one); abstention.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import re
import statistics
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from lingua import IsoCode639_1, LanguageDetector, LanguageDetectorBuilder
from tqdm import tqdm

from benchmarks.report import DATA, publish
from rag.build import build_encoder
from rag.errors import GeneratorError
from rag.generation.citation_marks import strip_citation_marks
from rag.generation.client import ChatClient
from rag.generation.vllm_server import vllm_server
from rag.pipeline import RAG
from rag.settings import load_settings
from rag.types import Answer
from retriever.data.squad import Question, read_squad

LANGUAGES = ["en", "de", "es", "ro", "ru", "hi", "ar", "th"]
UNANSWERABLE = 25
JUDGED_LETTERS = 15
QUOTED = re.compile(r'"[^"]*"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」')
"""A title or wording quoted from the passages is in their language, and rightly so."""


def normal(text: str) -> str:
    """Lower case, ASCII digits, letters and digits only."""
    digits = (str(unicodedata.decimal(c)) if c.isdecimal() else c for c in unicodedata.normalize("NFKC", text).lower())
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in digits).split())


def recall3(answer: str, gold: str) -> float:
    """Share of the gold answer's character 3-grams that the answer holds."""

    def grams(text: str) -> Counter[str]:
        padded = normal(text)
        return Counter(padded[i : i + 3] for i in range(max(1, len(padded) - 2)))

    wanted = grams(gold)
    return sum((wanted & grams(answer)).values()) / max(1, sum(wanted.values()))


def token_f1(answer: str, gold: str) -> float:
    """SQuAD's F1 over words; over characters in Thai, which writes no spaces."""
    thai = any("\u0e00" <= c <= "\u0e7f" for c in gold)
    ours, theirs = (Counter(normal(t).replace(" ", "") if thai else normal(t).split()) for t in (answer, gold))
    common = sum((ours & theirs).values())
    return 2 * common / max(1, sum(ours.values()) + sum(theirs.values()))


def score(question: Question, paragraph: str, answer: Answer, judge: LanguageDetector) -> dict[str, object]:
    """One row of the record; `paragraph` is the English one that holds the answer."""
    plain = strip_citation_marks(answer.text)
    used = [citation for citation in answer.citations if citation.used]
    spoken = None
    words = " ".join(word for word in QUOTED.sub(" ", plain).split() if not word[0].isupper())
    if sum(c.isalpha() for c in words) >= JUDGED_LETTERS:
        detected = judge.detect_language_of(words)
        spoken = detected.iso_code_639_1.name.lower() if detected else "und"
    return {
        "id": question.id,
        "language": question.language,
        "question": question.text,
        "gold": question.answers[0],
        "answer": answer.text,
        "abstained": answer.abstained,
        "doubts": answer.doubts,
        "recall3": 0.0 if answer.abstained else max(recall3(plain, gold) for gold in question.answers),
        "f1": 0.0 if answer.abstained else max(token_f1(plain, gold) for gold in question.answers),
        "spoken": spoken,
        "citations_right": [" ".join(c.passage.text.split()) in paragraph for c in used],
        "timings": dict(answer.timings),
    }


def ask_all(
    rag: RAG, questions: list[Question], paragraphs: dict[str, str], judge: LanguageDetector, threads: int
) -> Iterator[dict[str, object]]:
    """Ask, several at a time where the engine gains by it; a failure is recorded as one."""

    def one(question: Question) -> dict[str, object]:
        try:
            return score(question, paragraphs[question.passage_id], rag.ask(question.text), judge)
        except GeneratorError as error:
            return {"id": question.id, "language": question.language, "failed": str(error)}

    with ThreadPoolExecutor(threads) as pool:
        yield from tqdm(pool.map(one, questions), total=len(questions), unit="question")


def summarise(rows: list[dict[str, object]], language: str) -> list[object]:
    """One line of the table."""
    own = [row for row in rows if row["language"] == language and "failed" not in row]
    judged = [row["spoken"] == language for row in own if row["spoken"]]
    cited = [right for row in own for right in row["citations_right"]]  # type: ignore[attr-defined]
    answered = [row for row in own if not row["abstained"]]

    def mean(values: list[float]) -> float:
        return statistics.fmean(values) if values else float("nan")

    return [
        language,
        len(own),
        mean([float(row["recall3"]) for row in own]),  # type: ignore[arg-type]
        mean([float(row["recall3"]) for row in answered]),  # type: ignore[arg-type]
        mean([float(row["f1"]) for row in own]),  # type: ignore[arg-type]
        f"{mean([float(j) for j in judged]):.3f} of {len(judged)}",
        mean([float(right) for right in cited]),
        1 - len(answered) / max(1, len(own)),
        sum(row["language"] == language and "failed" in row for row in rows),
    ]


def measure(engine: str, per_language: int, seed: int, model: str) -> None:
    """Run one engine over everything and publish answers-ENGINE.json."""
    squad = read_squad(DATA / "xquad", LANGUAGES)
    by_id = {language: {q.id: q for q in squad.questions[language]} for language in LANGUAGES}
    picked = random.Random(seed).sample(sorted(by_id["en"]), per_language + UNANSWERABLE)
    answerable = [by_id[language][id_] for language in LANGUAGES for id_ in picked[:per_language]]
    hopeless = [by_id[LANGUAGES[n % len(LANGUAGES)]][id_] for n, id_ in enumerate(picked[per_language:])]
    judge = LanguageDetectorBuilder.from_iso_codes_639_1(
        *(getattr(IsoCode639_1, code.upper()) for code in LANGUAGES)
    ).build()
    paragraphs = squad.passages["en"]
    doomed = {question.passage_id for question in hopeless}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        base = load_settings(embedded_model=model, generator="embedded", timeout=600)
        encoder = build_encoder(base)
        shared = None
        if engine == "vllm":
            url = stack.enter_context(vllm_server(base, model=model))
            shared = ChatClient(url, model=None, api_key="none", timeout=600)
        rows = {}
        for name, questions, texts in (
            ("answerable", answerable, list(paragraphs.values())),
            ("unanswerable", hopeless, [text for id_, text in paragraphs.items() if id_ not in doomed]),
        ):
            settings = base.model_copy(update={"library": Path(scratch, name)})
            rag = RAG(settings, encoder=encoder, engine=shared)
            rag.library.add_texts([(f"{n:03}.txt", text) for n, text in enumerate(texts)])
            shared = rag.engine
            rows[name] = list(ask_all(rag, questions, paragraphs, judge, threads=4 if engine == "vllm" else 1))
            rag.library.close()
        label = shared.label if shared else engine
        if shared:
            shared.close()
    refused = [row for row in rows["unanswerable"] if "failed" not in row]
    columns = [
        "language",
        "n",
        "recall3",
        "recall3 answered",
        "F1",
        "right language",
        "citation precision",
        "abstained",
        "failed",
    ]
    table = [summarise(rows["answerable"], language) for language in LANGUAGES]
    abstained = statistics.fmean(float(bool(row["abstained"])) for row in refused)
    table.append(
        ["unanswerable", len(refused), "", "", "", "", "", abstained, len(rows["unanswerable"]) - len(refused)]
    )
    record = {"engine": engine, "generator": label, "seed": seed, "data": "XQuAD, 24 articles", "answers": rows}
    publish(f"answers-{engine}-{model}", columns, table, record)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=["embedded", "vllm", "both"], default="both")
    parser.add_argument("--model", choices=["1.5b", "0.5b"], default="1.5b")
    parser.add_argument("--questions", type=int, default=25, help="questions a language")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not (DATA / "xquad").is_dir():
        sys.exit(f"XQuAD is not at {DATA / 'xquad'}; set ISTHMUS_DATA.")
    for engine in ["embedded", "vllm"] if given.engine == "both" else [given.engine]:
        measure(engine, given.questions, given.seed, given.model)


if __name__ == "__main__":
    main()

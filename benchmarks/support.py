"""Does support tell right answers from wrong ones, and questions that nothing answers?

`python -m benchmarks.support [--fit] [--questions 32] [--seed 3]`

Each question is read twice: with all its hits, and without those of the passage that answers it. Of XQuAD's some are
read once more with another year or name in place of the one that they share with their passage. Words, or an excerpt,
are right if they hold half of the gold answer's character 3-grams, in the question's language or in English. With
`--fit` the questions are of the articles that the encoder was trained on, each in three of XQuAD's languages, and
AfriQA's development questions in English translation, twice as many, because the encoder has not seen their passages;
rag/answering/support.json is written. Without, they are of the other articles, in all eight languages, and AfriQA's
training questions, and the table is published: area under the ROC curve of both; the share of the readings that can be
shown with at most 5 or 10 % wrong; and of what is shown the share answered, quoted and wrong. Without the data
(ISTHMUS_DATA) it says so and ends.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

import rag.answering
from benchmarks.answer_data import LANGUAGES, Part, afriqa_part, subject_names, with_another_subject, xquad_part
from benchmarks.report import data_folder, publish
from rag.answering.evidence import select_excerpt
from rag.answering.reader import judge, read
from rag.answering.support import Shown, excerpt_features, is_supported, support, words_features
from rag.build import build_engine
from rag.documents.library import Library
from rag.evaluation.answer_data import AnswerQuestion, draw_questions
from rag.evaluation.answer_scores import trigram_recall
from rag.generation.engine import Engine
from rag.settings import load_settings
from retriever.types import Hit

CAPTION = "Does support tell right answers from wrong ones? Questions held out from its fitting"
COLUMNS = (
    "questions",
    "n",
    "words right",
    "area of words",
    "Brier",
    "shown at 5 % wrong",
    "at 10 %",
    "excerpt right",
    "area of excerpts",
    "answered",
    "quoted of these",
    "wrong of these",
    "refused without passage",
    "refused of another year or name",
)
RIGHT = 0.5
"""Least recall of the gold answer's 3-grams."""
MIN_SUPPORT: dict[Shown, float] = {"words": 0.5, "excerpt": 0.12}
"""Least support of what is shown: words that are more probably right than wrong. An excerpt says nothing false, so it
needs less: so much that 96 % of the answerable questions of the development data are answered (docs/decisions.md)."""
LANGUAGES_EACH = 3
OTHER_SUBJECTS = 5
"""Questions a language that get another year or name."""
AFRIQA = "AfriQA"
Kind = Literal["answerable", "without passage", "other subject"]
FEATURES: dict[Shown, tuple[tuple[str, ...], ...]] = {
    "words": (("answers", "logprob", "z_score", "echo"), ("answers", "logprob")),
    "excerpt": (("answers", "z_score", "pmi"), ("answers", "pmi"), ("answers", "z_score"), ("answers",)),
}
"""Of each regression, those of most features first: a small library has no z-scores, not every engine tells a PMI."""
FILE = Path(rag.answering.__file__ or "").with_name("support.json")


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be shown: its features, and whether it is right."""

    features: dict[str, float]
    is_right: bool


@dataclass(frozen=True, slots=True)
class Case:
    """The words (None if there are none) and the excerpt that a question of some kind got."""

    group: str
    words: Candidate | None
    excerpt: Candidate
    kind: Kind

    @property
    def shown(self) -> Candidate | None:
        """What the answer is made of, None if it is withheld."""
        if not is_supported("excerpt", self.excerpt.features):
            return None
        return self.words if self.words and is_supported("words", self.words.features) else self.excerpt


def read_cases(
    library: Library, engine: Engine, questions: Sequence[AnswerQuestion], group: str | None
) -> Iterator[Case]:
    """The cases of questions, of a group or of their languages; those with another subject have no passage."""
    encoder, baseline = library.encoder, library.baseline
    for question in tqdm(questions, unit="question"):
        query = library.retriever.understand(question.text)
        hits = library.retriever.search(query, 2 * library.settings.top_k)
        others = [hit for hit in hits if " ".join(hit.passage.text.split()) not in str(question.passage)]
        readings: list[tuple[Kind, Sequence[Hit]]] = [("other subject", hits)]
        if question.golds:
            readings = [("answerable", hits), ("without passage", others)]
        for kind, some_hits in readings:
            judgements = judge(engine, query, question.text, some_hits, baseline)
            reading = read(engine, question.text, judgements)
            excerpt = select_excerpt(query, judgements[0].hit, encoder, baseline)
            words = None
            if reading:
                words = Candidate(
                    words_features(query, reading, encoder, baseline),
                    kind == "answerable" and _answers(reading.words, question),
                )
            features = excerpt_features(query, judgements[0], excerpt, baseline)
            candidate = Candidate(features, kind == "answerable" and _answers(excerpt.text, question))
            yield Case(group or question.language, words, candidate, kind)


def _answers(text: str, question: AnswerQuestion) -> bool:
    return max(trigram_recall(text, gold) for gold in question.golds) >= RIGHT


def _in_turn(questions: Sequence[AnswerQuestion]) -> list[AnswerQuestion]:
    """Each question in LANGUAGES_EACH of its languages, another choice for every one."""
    places = {id_: place for place, id_ in enumerate(dict.fromkeys(question.id for question in questions))}
    return [
        question
        for question in questions
        if (LANGUAGES.index(question.language) - places[question.id]) % len(LANGUAGES) < LANGUAGES_EACH
    ]


def fit(cases: Sequence[Case]) -> dict[str, Any]:
    """The content of support.json."""
    candidates: dict[Shown, list[Candidate]] = {
        "words": [case.words for case in cases if case.words],
        "excerpt": [case.excerpt for case in cases],
    }
    models: dict[str, Any] = {
        shown: [_regression(candidates[shown], features, MIN_SUPPORT[shown]) for features in sets]
        for shown, sets in FEATURES.items()
    }
    return {"command": "python -m benchmarks.support --fit", "cases": len(cases), **models}


def _regression(candidates: Sequence[Candidate], features: Sequence[str], min_support: float) -> dict[str, object]:
    rows = np.array([[candidate.features[feature] for feature in features] for candidate in candidates])
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0))
    pipeline.fit(rows, [candidate.is_right for candidate in candidates])
    scaler, regression = pipeline[0], pipeline[1]
    weights = regression.coef_[0] / scaler.scale_
    return {
        "weights": dict(zip(features, (round(float(weight), 4) for weight in weights), strict=True)),
        "bias": round(float(regression.intercept_[0] - weights @ scaler.mean_), 4),
        "min_support": min_support,
    }


def table_row(name: str, cases: Sequence[Case]) -> list[object]:
    """The row of some questions."""
    answerable = [case for case in cases if case.kind == "answerable"]
    words = [case.words for case in cases if case.words]
    scores = [support("words", candidate.features) for candidate in words]
    right = [candidate.is_right for candidate in words]
    excerpts = [support("excerpt", case.excerpt.features) for case in cases]
    given = [(case, case.shown) for case in answerable if case.shown]
    return [
        name,
        len(answerable),
        float(np.mean([bool(case.words and case.words.is_right) for case in answerable])),
        float(roc_auc_score(right, scores)),
        float(brier_score_loss(right, scores)),
        coverage(right, scores, risk=0.05),
        coverage(right, scores, risk=0.1),
        float(np.mean([case.excerpt.is_right for case in answerable])),
        float(roc_auc_score([case.excerpt.is_right for case in cases], excerpts)),
        len(given) / len(answerable),
        float(np.mean([shown is case.excerpt for case, shown in given])),
        float(np.mean([not shown.is_right for _, shown in given])),
        *(_refused(cases, kind) for kind in ("without passage", "other subject")),
    ]


def _refused(cases: Sequence[Case], kind: Kind) -> float | None:
    refused = [case.shown is None for case in cases if case.kind == kind]
    return float(np.mean(refused)) if refused else None


def coverage(right: Sequence[bool], scores: Sequence[float], risk: float) -> float:
    """The largest share of candidates, the most supported first, of which at most `risk` are wrong."""
    order = np.argsort(scores)[::-1]
    wrong = np.cumsum(~np.array(right)[order])
    counts = np.arange(1, len(order) + 1)
    return float(max([0, *counts[wrong <= risk * counts]]) / len(order))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fit", action="store_true")
    parser.add_argument(
        "--questions", type=int, default=32, help="XQuAD's questions before translation; of AfriQA's twice as many"
    )
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    part: Part = "dev" if arguments.fit else "test"
    names = subject_names(afriqa_part(data_folder("afriqa"), "test" if arguments.fit else "dev"))
    pools = [
        (xquad_part(data_folder("xquad"), part), None, arguments.questions),
        (afriqa_part(data_folder("afriqa"), part), AFRIQA, 2 * arguments.questions),
    ]
    cases: list[Case] = []
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(generator="embedded")
        engine = build_engine(settings)
        for number, (pool, group, count) in enumerate(pools):
            drawn, _ = draw_questions(pool, count, 0, arguments.seed)
            questions = drawn.questions if group or not arguments.fit else _in_turn(drawn.questions)
            if group is None:
                questions += with_another_subject(pool, names, OTHER_SUBJECTS, arguments.seed)
            folder = Path(scratch, str(number))
            with Library(settings.model_copy(update={"library": folder}), engine=lambda: engine) as library:
                library.add_texts([(f"{n:04}.txt", text) for n, text in enumerate(pool.passages)])
                cases += read_cases(library, engine, questions, group)
        engine.close()
    if arguments.fit:
        FILE.write_text(json.dumps(fit(cases), indent=1) + "\n", encoding="utf-8")
        print(FILE.read_text(encoding="utf-8"))
        return
    groups = list(dict.fromkeys(case.group for case in cases))
    rows = [table_row(group, [case for case in cases if case.group == group]) for group in groups]
    rows.append(table_row("all", cases))
    publish("support", CAPTION, COLUMNS, rows, data="XQuAD, 8 held-out articles; AfriQA train", seeds=[arguments.seed])


if __name__ == "__main__":
    main()

"""Does support tell right answers from wrong ones, and questions that nothing answers?

`python -m benchmarks.support [--fit] [--questions 36] [--seed 3]`

Each question is read twice: with all its hits, and without those of the passage that answers it. An answer is right if
it holds half of the gold answer's character 3-grams, in the question's language or in English. With `--fit` the
questions are of the articles that the encoder was trained on, each in three of XQuAD's languages, and AfriQA's
development questions in English translation, and rag/answering/support.json is written: its threshold keeps 95 % of the
right answers of both. Without, they are of the other articles, in all eight languages, and AfriQA's training questions,
and the table is published: area under the ROC curve, and of the answers at the threshold the share given and the share
of them that is wrong. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

import rag.answering
from benchmarks.answer_data import LANGUAGES, Part, afriqa_part, xquad_part
from benchmarks.report import data_folder, publish
from rag.answering.reader import read
from rag.answering.support import is_supported, support, support_features
from rag.build import build_engine
from rag.documents.library import Library
from rag.evaluation.answer_data import AnswerQuestion, draw_questions
from rag.evaluation.answer_scores import trigram_recall
from rag.generation.engine import Engine
from rag.settings import load_settings

CAPTION = "Does support tell right answers from wrong ones? Questions held out from its fitting"
COLUMNS = ("questions", "n", "right", "area", "Brier", "answered", "wrong of these", "refused without passage")
RIGHT = 0.5
"""Least recall of the gold answer's 3-grams."""
LANGUAGES_EACH = 3
KEPT = 0.95
"""Share of the right answers that the threshold keeps, of each kind of data: the encoder has seen XQuAD's articles, so
that their passages stand out more than others will."""
AFRIQA = "AfriQA"
FEATURES = ("answers", "logprob", "z_score")
FILE = Path(rag.answering.__file__ or "").with_name("support.json")


@dataclass(frozen=True, slots=True)
class Case:
    """The features of a reading (None if nothing was read), whether it is right, and whether it could be."""

    group: str
    features: dict[str, float] | None
    is_right: bool
    is_answerable: bool


def read_cases(
    library: Library, engine: Engine, questions: Sequence[AnswerQuestion], group: str | None
) -> Iterator[Case]:
    """Two cases a question, of a group or of its language: with all hits, and without those of its passage."""
    for question in tqdm(questions, unit="question"):
        query = library.retriever.understand(question.text)
        hits = library.retriever.search(query, 2 * library.settings.top_k)
        others = [hit for hit in hits if " ".join(hit.passage.text.split()) not in str(question.passage)]
        for some_hits, is_answerable in ((hits, True), (others, False)):
            reading = read(engine, query, question.text, some_hits, library.baseline)
            features = support_features(query, reading, library.baseline) if reading else None
            recall = max(trigram_recall(reading.words, gold) for gold in question.golds) if reading else 0.0
            yield Case(group or question.language, features, is_answerable and recall >= RIGHT, is_answerable)


def _in_turn(questions: Sequence[AnswerQuestion]) -> list[AnswerQuestion]:
    """Each question in LANGUAGES_EACH of its languages, another choice for every one."""
    places = {id_: place for place, id_ in enumerate(dict.fromkeys(question.id for question in questions))}
    return [
        question
        for question in questions
        if (LANGUAGES.index(question.language) - places[question.id]) % len(LANGUAGES) < LANGUAGES_EACH
    ]


def fit(cases: Sequence[Case]) -> dict[str, object]:
    """The content of support.json."""
    read_ones = [case for case in cases if case.features]
    right = np.array([case.is_right for case in read_ones])
    regressions = {}
    for name, features in (("with_baseline", FEATURES), ("without_baseline", FEATURES[:-1])):
        rows = np.array([[case.features[feature] for feature in features] for case in read_ones if case.features])
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0)).fit(rows, right)
        scaler, regression = pipeline[0], pipeline[1]
        probabilities = pipeline.predict_proba(rows)[:, 1]
        is_afriqa = np.array([case.group == AFRIQA for case in read_ones])
        thresholds = [float(np.quantile(probabilities[right & kind], 1 - KEPT)) for kind in (is_afriqa, ~is_afriqa)]
        weights = regression.coef_[0] / scaler.scale_
        bias = float(regression.intercept_[0] - weights @ scaler.mean_)
        regressions[name] = {
            "weights": dict(zip(features, (round(float(weight), 4) for weight in weights), strict=True)),
            "bias": round(bias, 4),
            "min_support": round(min(thresholds), 4),
        }
    return {
        "command": "python -m benchmarks.support --fit",
        "cases": len(cases),
        **regressions,
    }


def table_row(name: str, cases: Sequence[Case]) -> list[object]:
    """The row of some questions."""
    answerable = [case for case in cases if case.is_answerable]
    read_ones = [case for case in cases if case.features]
    scores = [support(case.features) for case in read_ones if case.features]
    right = [case.is_right for case in read_ones]

    def is_given(case: Case) -> bool:
        return case.features is not None and is_supported(case.features)

    given = [case for case in answerable if is_given(case)]
    others = [case for case in cases if not case.is_answerable]
    return [
        name,
        len(answerable),
        float(np.mean([case.is_right for case in answerable])),
        float(roc_auc_score(right, scores)),
        float(brier_score_loss(right, scores)),
        len(given) / len(answerable),
        float(np.mean([not case.is_right for case in given])),
        float(np.mean([not is_given(case) for case in others])),
    ]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--questions", type=int, default=36, help="XQuAD's questions before translation, and AfriQA's")
    parser.add_argument("--seed", type=int, default=3)
    arguments = parser.parse_args()
    part: Part = "dev" if arguments.fit else "test"
    pools = [(xquad_part(data_folder("xquad"), part), None), (afriqa_part(data_folder("afriqa"), part), AFRIQA)]
    cases: list[Case] = []
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(generator="embedded")
        engine = build_engine(settings)
        for number, (pool, group) in enumerate(pools):
            drawn, _ = draw_questions(pool, arguments.questions, 0, arguments.seed)
            questions = drawn.questions if group or not arguments.fit else _in_turn(drawn.questions)
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

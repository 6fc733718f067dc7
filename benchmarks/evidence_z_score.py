"""Does the evidence's z-score tell questions that the library answers from those that it does not?

`python -m benchmarks.evidence_z_score [--questions 50] [--encoder aligned]`

For each of XQuAD's eight languages the same questions, once against all 120 English passages and once with the right
passage taken out of the hits. Prints the area under the ROC curve, and the share of answerable questions kept and
unanswerable ones refused at the threshold in use (MIN_EVIDENCE_Z_SCORE) and at the one that keeps 98 %.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats
from tqdm import tqdm

from benchmarks.answer_data import LANGUAGES
from benchmarks.report import data_folder, publish
from rag.answering.answerer import MIN_EVIDENCE_Z_SCORE
from rag.answering.evidence import evidence_z_score, select_evidence
from rag.build import build_encoder
from rag.documents.library import Library
from rag.generation.embedded import EVIDENCE_TOKENS
from rag.settings import load_settings
from retriever.data.squad import Question, read_squad
from retriever.types import Hit, Query

CAPTION = "Does the best sentence tell answerable questions from others whose passage was taken out?"


def z_score(query: Query, hits: Sequence[Hit], library: Library) -> float:
    """The z-score of the evidence that an answer would get out of these hits."""
    hits = hits[: library.settings.top_k]
    snippets = select_evidence(query, hits, library.encoder, library.baseline, EVIDENCE_TOKENS)
    return evidence_z_score(query, snippets, library.baseline)


def measure(library: Library, question: Question, paragraph: str) -> tuple[float, float]:
    """The z-scores of a question with all its hits, and without those in the paragraph that answers it."""
    query = library.retriever.understand(question.text)
    hits = library.retriever.search(query, 2 * library.settings.top_k)
    others = [hit for hit in hits if " ".join(hit.passage.text.split()) not in paragraph]
    return z_score(query, hits, library), z_score(query, others, library)


def table_row(name: str, pairs: Sequence[tuple[float, float]], thresholds: Sequence[float]) -> list[object]:
    """The area under the curve of (answerable, unanswerable) pairs, and what each threshold keeps and refuses."""
    answerable, unanswerable = np.array(pairs).T
    area = stats.mannwhitneyu(answerable, unanswerable).statistic / (len(answerable) * len(unanswerable))
    row: list[object] = [name, len(answerable), float(area)]
    for threshold in thresholds:
        row += [float(np.mean(answerable >= threshold)), float(np.mean(unanswerable < threshold))]
    return row


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--encoder", default="aligned")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    squad = read_squad(data_folder("xquad"), LANGUAGES)
    numbers = random.Random(arguments.seed).sample(range(len(squad.questions["en"])), arguments.questions)
    z_scores: dict[str, list[tuple[float, float]]] = {}
    encoder = build_encoder(load_settings(encoder=arguments.encoder))
    with (
        tempfile.TemporaryDirectory() as scratch,
        Library(load_settings(library=Path(scratch, "library")), encoder) as library,
    ):
        library.add_texts([(f"{n:03}.txt", text) for n, text in enumerate(squad.passages["en"].values())])
        for language in tqdm(LANGUAGES):
            questions = [squad.questions[language][n] for n in numbers]
            z_scores[language] = [measure(library, q, squad.passages["en"][q.passage_id]) for q in questions]
    z_scores["all"] = [pair for pairs in z_scores.values() for pair in pairs]
    at_98 = float(np.quantile([answerable for answerable, _ in z_scores["all"]], 0.02))
    thresholds = (MIN_EVIDENCE_Z_SCORE, at_98)
    columns = ["language", "questions", "area"]
    columns += [f"kept at {MIN_EVIDENCE_Z_SCORE}", "refused", f"kept at {at_98:.2f}", "refused"]
    publish(
        "evidence_z_score",
        CAPTION,
        columns,
        [table_row(name, pairs, thresholds) for name, pairs in z_scores.items()],
        data="XQuAD",
        seeds=[arguments.seed],
        encoders=[encoder],
    )


if __name__ == "__main__":
    main()

"""Does the best sentence's standing tell questions that the library answers from those that it does not?

`python -m benchmarks.standing [--questions 50] [--encoder aligned]`

For each of XQuAD's eight languages the same questions, once against all 120 English passages and once with the right
passage taken out of the hits. Prints the area under the ROC curve, and the share of answerable questions kept and
unanswerable ones refused at the threshold in use (rag.pipeline.MIN_STANDING) and at the one that keeps 98 %.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import stats
from tqdm import tqdm

from benchmarks.answers import LANGUAGES
from benchmarks.report import DATA, publish
from rag.answering.evidence import evidence_z_score, select_evidence
from rag.documents.library import Library
from rag.generation.embedded import EVIDENCE_TOKENS
from rag.pipeline import MIN_EVIDENCE_Z_SCORE
from rag.settings import load_settings
from retriever.data.squad import read_squad


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--encoder", default="aligned")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not (DATA / "xquad").is_dir():
        sys.exit(f"XQuAD is not at {DATA / 'xquad'}; set ISTHMUS_DATA.")
    squad = read_squad(DATA / "xquad", LANGUAGES)
    chosen = random.Random(given.seed).sample(range(len(squad.questions["en"])), given.questions)
    heights: dict[str, tuple[list[float], list[float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(library=Path(scratch, "library"), encoder=given.encoder)
        with Library(settings) as library:
            library.add_texts([(f"{n:03}.txt", text) for n, text in enumerate(squad.passages["en"].values())])
            for language in tqdm(LANGUAGES):
                heights[language] = ([], [])
                for n in chosen:
                    question = squad.questions[language][n]
                    gold = squad.passages["en"][question.passage_id]
                    hits = library.search(question.text, 2 * settings.top_k)
                    rest = [hit for hit in hits if " ".join(hit.passage.text.split()) not in gold]
                    for found, kept in zip(heights[language], (hits, rest), strict=True):
                        snippets = select_evidence(
                            question.text,
                            kept[: settings.top_k],
                            library.encoder,
                            library.background,
                            EVIDENCE_TOKENS,
                        )
                        found.append(evidence_z_score(question.text, snippets, library.background, library.encoder))
    everything = tuple([value for pair in heights.values() for value in pair[side]] for side in (0, 1))
    at98 = float(np.quantile(everything[0], 0.02))
    rows: list[list[object]] = []
    for name, (right, wrong) in {**heights, "all": everything}.items():
        area = stats.mannwhitneyu(right, wrong).statistic / (len(right) * len(wrong))
        line: list[object] = [name, len(right), float(area)]
        for threshold in (MIN_EVIDENCE_Z_SCORE, at98):
            line += [float(np.mean(np.array(right) >= threshold)), float(np.mean(np.array(wrong) < threshold))]
        rows.append(line)
    columns = [
        "language",
        "questions",
        "area",
        f"kept at {MIN_EVIDENCE_Z_SCORE}",
        "refused",
        f"kept at {at98:.2f}",
        "refused",
    ]
    publish("standing", columns, rows, {"data": "XQuAD", "encoder": given.encoder, "seed": given.seed})


if __name__ == "__main__":
    main()

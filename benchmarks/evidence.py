"""How often does what the generator gets to read hold the answer? XQuAD, eight languages, held-out articles.

`python -m benchmarks.evidence [--questions 80]`

For each language the same questions against the 240 English passages. The evidence holds the answer if the gold answer
stands in it, word for word: of a small model the PASSAGES passages that it judges and reads one by one; of one that
answers in one go the sentences within the tokens of the embedded engine, or of a server. Without the data
(ISTHMUS_DATA) it says so and ends.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.answer_data import LANGUAGES, xquad_part
from benchmarks.report import data_folder, publish
from rag.answering.evidence import select_evidence
from rag.answering.reader import PASSAGES
from rag.documents.library import Library
from rag.evaluation.answer_data import AnswerQuestion, draw_questions
from rag.generation.client import ENDPOINT_EVIDENCE_TOKENS
from rag.generation.embedded import EVIDENCE_TOKENS
from rag.settings import load_settings

CAPTION = "Share of questions whose evidence holds the gold answer"
BUDGETS = (EVIDENCE_TOKENS, ENDPOINT_EVIDENCE_TOKENS)
COLUMNS = ("evidence", *LANGUAGES, "mean", "mean without en")


def holds_answer(library: Library, question: AnswerQuestion) -> list[bool]:
    """Whether the first passage, the first PASSAGES, and the sentences within each of BUDGETS hold the answer."""
    query = library.retriever.understand(question.text)
    hits = library.retriever.search(query, library.settings.top_k)
    texts = [" ".join(hit.passage.text for hit in hits[:number]) for number in (1, PASSAGES)]
    for budget in BUDGETS:
        snippets = select_evidence(query, hits, library.encoder, library.baseline, budget)
        texts.append(" ".join(snippet.text for snippet in snippets))
    return [any(_plain(gold) in _plain(text) for gold in question.golds) for text in texts]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def table(names: Sequence[str], shares: Sequence[Sequence[float]]) -> list[list[object]]:
    """One row for each kind of evidence, from its shares by language."""
    others = [number for number, language in enumerate(LANGUAGES) if language != "en"]
    return [
        [name, *row, float(np.mean(row)), float(np.mean([row[number] for number in others]))]
        for name, row in zip(names, shares, strict=True)
    ]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=80, help="questions a language")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    data = xquad_part(data_folder("xquad"), "test")
    drawn, _ = draw_questions(data, arguments.questions, 0, arguments.seed)
    held: dict[str, list[list[bool]]] = {language: [] for language in LANGUAGES}
    with (
        tempfile.TemporaryDirectory() as scratch,
        Library(load_settings(library=Path(scratch), generator="embedded")) as library,
    ):
        library.add_texts([(f"{number:04}.txt", text) for number, text in enumerate(data.passages)])
        for question in tqdm(drawn.questions, unit="question"):
            held[question.language].append(holds_answer(library, question))
    shares = np.array([np.mean(held[language], axis=0) for language in LANGUAGES]).T.tolist()
    names = ["first passage", f"first {PASSAGES} passages", *(f"sentences of {budget} tokens" for budget in BUDGETS)]
    publish(
        "evidence", CAPTION, COLUMNS, table(names, shares), data="XQuAD, 8 held-out articles", seeds=[arguments.seed]
    )


if __name__ == "__main__":
    main()

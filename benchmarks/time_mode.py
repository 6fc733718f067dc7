"""What time mode does to search: facts that differ by their time alone, and ordinary questions with a year in them.

`python -m benchmarks.time_mode [--seed 1]`

Facts: those in the answers to TempReason's L2 questions, two years or longer, whose subject and relation have other
facts too. The question names a month within the fact's period, not in its first or last year, so that no year of the
question stands in the fact. The library holds these subjects' facts and those of 600 others, each subject a document.
Ordinary: XQuAD's questions that name a time, against its 120 English passages; here time mode must do no harm. "first":
the right passage is the first hit. "evidence": what goes into the prompt holds the fact (30 tokens, one sentence), or
XQuAD's English answer (150 tokens).
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from benchmarks.answer_data import LANGUAGES
from benchmarks.report import data_folder, publish
from rag.answering.evidence import select_evidence
from rag.build import build_encoder
from rag.documents.library import Library
from rag.settings import load_settings
from retriever.data.squad import ParallelSquad, read_squad
from retriever.evaluation.metrics import compare
from retriever.temporal.facts import fact_documents, fact_sentence, facts_from_questions
from retriever.temporal.questions import Fact, FactQuery, read_questions, write_question
from retriever.temporal.timing import read_timing
from retriever.types import Month

CAPTION = (
    "Time mode off and on: questions for a month within a fact’s period, and XQuAD’s questions that name a time (where "
    "it must do no harm)"
)
OTHER_SUBJECTS = 600


@dataclass(frozen=True, slots=True)
class Case:
    """A question; the texts of its right passages; the answers, one of which the evidence must hold; its budget."""

    question: str
    language: str
    passages: tuple[str, ...]
    answers: tuple[str, ...]
    budget: int


def dated_queries(facts: Sequence[Fact], rng: random.Random) -> list[tuple[FactQuery, tuple[str, ...]]]:
    """A query for a month within one of the facts of each subject and relation, and the facts true then."""
    groups: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        groups.setdefault((fact.subject, fact.relation), []).append(fact)
    queries = []
    for (subject, relation), group in groups.items():
        long = [fact for fact in group if fact.end.year - fact.start.year >= 2]
        if len(group) > 1 and long:
            fact = rng.choice(long)
            month = Month(rng.randint(fact.start.year + 1, fact.end.year - 1), rng.randint(1, 12))
            true_facts = tuple(fact_sentence(other) for other in group if other.start <= month <= other.end)
            queries.append((FactQuery(relation, subject, month), true_facts))
    return queries


def ordinary_cases(squad: ParallelSquad, language: str) -> list[Case]:
    """XQuAD's questions that name a time."""
    english = {question.id: question for question in squad.questions["en"]}
    return [
        Case(q.text, language, (squad.passages["en"][q.passage_id],), tuple(english[q.id].answers), 150)
        for q in squad.questions[language]
        if read_timing(q.text, language).periods
    ]


def measure(library: Library, cases: Sequence[Case], *, time_mode: bool) -> tuple[list[float], list[float]]:
    """For each case whether a right passage is first, and whether the evidence holds an answer."""
    first, evidence = [], []
    for case in cases:
        timing = read_timing(case.question, case.language) if time_mode else None
        query = library.retriever.understand(case.question, timing=timing)
        hits = library.retriever.search(query)
        top = _one_line(hits[0].passage.text)
        first.append(float(any(top in right or right in top for right in map(_one_line, case.passages))))
        snippets = select_evidence(query, hits, library.encoder, library.baseline, case.budget)
        evidence.append(float(any(answer in snippet.text for answer in case.answers for snippet in snippets)))
    return first, evidence


def _one_line(text: str) -> str:
    return " ".join(text.split())


def table_row(name: str, language: str, library: Library, cases: Sequence[Case]) -> list[object]:
    """Both measures with time mode off and on, and the p-value of their difference."""
    off, on = (measure(library, cases, time_mode=time_mode) for time_mode in (False, True))
    row: list[object] = [name, language, len(cases)]
    for off_values, on_values in zip(off, on, strict=True):
        row += [sum(off_values) / len(cases), sum(on_values) / len(cases), compare(on_values, off_values).p]
    return row


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    tempreason, xquad = data_folder("tempreason"), data_folder("xquad")
    rng = random.Random(arguments.seed)
    facts = facts_from_questions(read_questions(tempreason))
    queries = dated_queries(facts, rng)
    subjects = {query.subject for query, _ in queries}
    others = sorted({fact.subject for fact in facts} - subjects)
    subjects.update(rng.sample(others, min(OTHER_SUBJECTS, len(others))))
    squad = read_squad(xquad)
    encoder = build_encoder(load_settings())
    rows: list[list[object]] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        Library(load_settings(library=Path(scratch, "facts"), passage_chars=180), encoder) as fact_library,
        Library(load_settings(library=Path(scratch, "xquad")), encoder) as squad_library,
    ):
        fact_library.add_texts(fact_documents(fact for fact in facts if fact.subject in subjects))
        squad_library.add_texts([(f"{id_}.txt", text) for id_, text in squad.passages["en"].items()])
        for language in tqdm(LANGUAGES, disable=None):
            fact_cases = [
                Case(write_question(query, language), language, true_facts, true_facts, 30)
                for query, true_facts in queries
            ]
            rows.append(table_row("facts", language, fact_library, fact_cases))
            rows.append(table_row("ordinary", language, squad_library, ordinary_cases(squad, language)))
    rows.sort(key=lambda row: str(row[0]))
    columns = ["questions of", "language", "questions", "first, off", "first, on", "p"]
    columns += ["evidence, off", "evidence, on", "p "]
    publish(
        "time_mode",
        CAPTION,
        columns,
        rows,
        data="TempReason test_l2, XQuAD",
        seeds=[arguments.seed],
        encoders=[encoder],
    )


if __name__ == "__main__":
    main()

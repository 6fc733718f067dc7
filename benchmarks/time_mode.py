"""What time mode does to search: facts that differ by their time alone, and ordinary questions with a year in them.

`python -m benchmarks.time_mode [--seed 1]`

Facts: those that TempReason's L2 answers tell, two years or longer, one of several of its subject and relation; asked
for a month within, not its first or last year, so that no year of the question stands in the fact. The library holds
these subjects' facts and those of 600 others, each subject a document. Ordinary: XQuAD's questions that name a time,
against its 120 English passages; here time mode must do no harm. "first": the right passage is found first. "evidence":
what goes into the prompt holds the fact (30 tokens, one sentence), or XQuAD's English answer (150 tokens).
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from benchmarks.report import DATA, publish
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

LANGUAGES = ["en", "de", "es", "ro", "ru", "hi", "ar", "th"]
OTHERS = 600


@dataclass(frozen=True, slots=True)
class Case:
    """A question, and texts of which one is in the right passage; `budget` tokens of evidence."""

    question: str
    language: str
    right: tuple[str, ...]
    answers: tuple[str, ...]
    budget: int


def within(facts: Sequence[Fact], rng: random.Random) -> list[tuple[FactQuery, tuple[str, ...]]]:
    """A question for a month within one of the facts of each subject and relation, and the facts true then."""
    lines: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        lines.setdefault((fact.subject, fact.relation), []).append(fact)
    found = []
    for (subject, relation), line in lines.items():
        long = [fact for fact in line if fact.end.year - fact.start.year >= 2]
        if len(line) > 1 and long:
            fact = rng.choice(long)
            month = Month(rng.randint(fact.start.year + 1, fact.end.year - 1), rng.randint(1, 12))
            then = tuple(fact_sentence(other) for other in line if other.start <= month <= other.end)
            found.append((FactQuery(relation, subject, month), then))
    return found


def ordinary(squad: ParallelSquad, language: str) -> list[Case]:
    """XQuAD's questions that name a time."""
    english = {question.id: question for question in squad.questions["en"]}
    return [
        Case(q.text, language, (squad.passages["en"][q.passage_id],), tuple(english[q.id].answers), 150)
        for q in squad.questions[language]
        if read_timing(q.text, language).periods
    ]


def measure(library: Library, cases: Sequence[Case], *, on: bool) -> tuple[list[float], list[float]]:
    """For each case whether the right passage is first, and whether the evidence holds the answer."""
    first, evidence = [], []
    for case in cases:
        timing = read_timing(case.question, case.language) if on else None
        hits = library.search(case.question, timing=timing)
        top = " ".join(hits[0].passage.text.split())
        first.append(float(any(top in right or right in top for right in (" ".join(r.split()) for r in case.right))))
        snippets = select_evidence(case.question, hits, library.encoder, library.background, case.budget, timing)
        evidence.append(float(any(answer in snippet.text for answer in case.answers for snippet in snippets)))
    return first, evidence


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name in ("tempreason", "xquad"):
        if not (DATA / name).is_dir():
            sys.exit(f"{DATA / name} is not there; set ISTHMUS_DATA.")
    rng = random.Random(given.seed)
    facts = facts_from_questions(read_questions(DATA / "tempreason"))
    asked = within(facts, rng)
    subjects = {content.subject for content, _ in asked}
    rest = sorted({fact.subject for fact in facts} - subjects)
    subjects.update(rng.sample(rest, min(OTHERS, len(rest))))
    squad = read_squad(DATA / "xquad")
    encoder = build_encoder(load_settings())
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(passage_chars=180)
        with (
            Library(settings.model_copy(update={"library": Path(scratch, "facts")}), encoder) as of_facts,
            Library(load_settings(library=Path(scratch, "xquad")), encoder) as of_squad,
        ):
            of_facts.add_texts(fact_documents(fact for fact in facts if fact.subject in subjects))
            of_squad.add_texts([(f"{id_}.txt", text) for id_, text in squad.passages["en"].items()])
            for language in tqdm(LANGUAGES, disable=None):
                own = [Case(write_question(content, language), language, then, then, 30) for content, then in asked]
                for name, library, cases in (
                    ("facts", of_facts, own),
                    ("ordinary", of_squad, ordinary(squad, language)),
                ):
                    (first_off, found_off), (first_on, found_on) = (
                        measure(library, cases, on=on) for on in (False, True)
                    )
                    row: list[object] = [name, language, len(cases)]
                    for off, on in ((first_off, first_on), (found_off, found_on)):
                        row += [sum(off) / len(off), sum(on) / len(on), compare(on, off).p]
                    rows.append(row)
    rows.sort(key=lambda row: str(row[0]))
    columns = ["questions of", "language", "questions", "first, off", "first, on", "p"]
    columns += ["evidence, off", "evidence, on", "p "]
    publish("time_mode", columns, rows, {"data": "TempReason test_l2, XQuAD", "seed": given.seed})


if __name__ == "__main__":
    main()

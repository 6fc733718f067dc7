"""What `isthmus align` trains on, written by the generator: questions on documents, queries of a knowledge base.

A question, or its translation, that does not find its own passage among the nearest is dropped (the consistency filter
of Promptagator, arXiv 2209.11755): small models answer where they should translate. So is a translation that is not in
its language or loses a number. The generator's texts are kept in the folder, so that an interrupted run goes on where
it stopped.
"""

import csv
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from rag.generation.engine import Engine
from rag.generation.rewriting import QueryRewriter
from retriever.data.labelled import LabelledQuery
from retriever.errors import IsthmusError
from retriever.models.protocols import QueryEncoder, TextEncoder
from retriever.types import Passage, Vectors

NEAREST = 3
"""A text is consistent if its passage is among so many nearest ones."""
SECONDS = 120.0
"""Longest wait for one text."""
EXAMPLES = 3
"""Queries of a label that the generator sees before it writes another."""
HELD_OUT = 10
"""One in so many translated queries is kept to measure on."""


def write_questions(
    passages: Sequence[Passage],
    languages: Sequence[str],
    engine: Engine,
    encoder: TextEncoder,
    folder: Path,
    *,
    count: int,
    seed: int = 1,
) -> dict[str, int]:
    """Write questions.LANGUAGE.json (SQuAD's form, parallel) for English and the languages; returns how many each has.

    Up to `count` of the English passages, drawn by the seed, get a question; all English passages are the pool in which
    it must find its own. Raises IsthmusError if no passage is English or no question is left, GeneratorError if the
    generator fails.
    """
    english = [passage for passage in passages if passage.language == "en"]
    if not english:
        raise IsthmusError("None of the passages is in English; questions are written on English documents.")
    folder.mkdir(parents=True, exist_ok=True)
    write_question = QueryRewriter(lambda: engine, folder, "ask", SECONDS)
    translate = QueryRewriter(lambda: engine, folder, "translate", SECONDS)
    numbers = random.Random(seed).sample(range(len(english)), min(count, len(english)))
    drafts = {
        number: question
        for number in tqdm(numbers, desc="Questions", disable=None)
        if (question := write_question(english[number].embedded_text, "en", "en"))
    }
    pool = encoder.encode_passages([passage.embedded_text for passage in english])
    originals = _consistent(drafts, pool, encoder)
    if not originals:
        raise IsthmusError(f"Of {len(numbers)} passages none has a usable question; try a larger generator.")
    questions_by_language = {"en": originals}
    for language in languages:
        bar = tqdm(originals.items(), desc=f"Translating into {language}", disable=None)
        translations = {number: translation for number, text in bar if (translation := translate(text, "en", language))}
        questions_by_language[language] = _consistent(translations, pool, encoder)
    for language, questions in questions_by_language.items():
        path = folder / f"questions.{language}.json"
        path.write_text(json.dumps(_squad(questions, english), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return {language: len(questions) for language, questions in questions_by_language.items()}


def write_queries(
    rows: Sequence[LabelledQuery],
    languages: Sequence[str],
    engine: Engine,
    encoder: TextEncoder,
    folder: Path,
    *,
    count: int,
    seed: int = 1,
) -> dict[str, int]:
    """Write train.tsv and validation.tsv (query, english, label, language) from a knowledge base; returns counts.

    Up to `count` of its queries are translated into each language (Algorithm 1 of arXiv 2506.02527). For each label one
    more query is written straight in the language, without an original (step 4 of the algorithm), for train.tsv alone.
    A translation must find its original among the nearest, the other query one of its label. Returns the number of rows
    by language. Raises IsthmusError if nothing is left, GeneratorError if the generator fails.
    """
    originals = [row for row in rows if row.english]
    if not originals:
        raise IsthmusError("None of the rows has a query in the knowledge base's own language.")
    folder.mkdir(parents=True, exist_ok=True)
    translate = QueryRewriter(lambda: engine, folder, "translate", SECONDS)
    write_similar = QueryRewriter(lambda: engine, folder, "similar", SECONDS)
    rng = random.Random(seed)
    numbers = rng.sample(range(len(originals)), min(count, len(originals)))
    examples = _examples_by_label(originals, rng)
    pool = encoder.encode_passages([row.english for row in originals])
    queries: list[LabelledQuery] = []
    for language in languages:
        bar = tqdm(numbers, desc=f"Translating into {language}", disable=None)
        drafts = {n: text for n in bar if (text := translate(originals[n].english, "en", language))}
        for n, text in _consistent(drafts, pool, encoder).items():
            queries.append(LabelledQuery(originals[n].english, text, originals[n].label, language))
        labels = tqdm(examples, desc=f"Writing in {language}", disable=None)
        similar = {label: text for label in labels if (text := write_similar(examples[label], language, language))}
        nearest_rows = _nearest_rows(list(similar.values()), pool, encoder)
        for (label, text), row_numbers in zip(similar.items(), nearest_rows, strict=True):
            if label in {originals[n].label for n in row_numbers}:
                queries.append(LabelledQuery("", text, label, language))
    if not queries:
        raise IsthmusError("The generator wrote nothing that finds its label; try a larger one.")
    held_out = _held_out(queries)
    _write_labelled([row for row in queries if row not in held_out], folder / "train.tsv")
    _write_labelled([row for row in queries if row in held_out], folder / "validation.tsv")
    return {language: sum(row.language == language for row in queries) for language in languages}


def _examples_by_label(rows: Sequence[LabelledQuery], rng: random.Random) -> dict[str, str]:
    """Up to EXAMPLES queries of each label, a line each."""
    by_label: dict[str, list[str]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(row.english)
    return {label: "\n".join(rng.sample(texts, min(EXAMPLES, len(texts)))) for label, texts in sorted(by_label.items())}


def _held_out(queries: Sequence[LabelledQuery]) -> set[LabelledQuery]:
    """One in HELD_OUT of the translations whose label has another one in the same language to train on."""
    counts = Counter((row.label, row.language) for row in queries if row.english)
    candidates = [row for row in queries if row.english and counts[row.label, row.language] > 1]
    return set(candidates[::HELD_OUT])


def _write_labelled(rows: Sequence[LabelledQuery], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
        writer.writerow(["query", "english", "label", "language"])
        for row in rows:
            writer.writerow(" ".join(cell.split()) for cell in (row.text, row.english, row.label, row.language))


def _consistent(questions: dict[int, str], pool: Vectors, encoder: QueryEncoder) -> dict[int, str]:
    """The questions, by their passages' rows in the pool, that have these among the nearest."""
    nearest_rows = _nearest_rows(list(questions.values()), pool, encoder)
    return {row: text for (row, text), nearest in zip(questions.items(), nearest_rows, strict=True) if row in nearest}


def _nearest_rows(texts: Sequence[str], pool: Vectors, encoder: QueryEncoder) -> list[list[int]]:
    """For each text the NEAREST rows of the pool, shape (passages, dimensions), nearest first."""
    scores = encoder.encode_queries(texts) @ pool.T
    rows: list[list[int]] = np.argsort(-scores, axis=1, kind="stable")[:, :NEAREST].tolist()
    return rows


def _squad(questions: dict[int, str], passages: Sequence[Passage]) -> dict[str, object]:
    """SQuAD's form, an article a document. It has every passage, so that all languages' files share one pool."""
    articles: dict[str, list[dict[str, object]]] = {}
    for number, passage in enumerate(passages):
        qas = [{"id": passage.id, "question": questions[number], "answers": []}] if number in questions else []
        title = f"{passage.title} {passage.document_id[:8]}".strip()
        articles.setdefault(title, []).append({"context": passage.text, "qas": qas})
    return {"data": [{"title": title, "paragraphs": paragraphs} for title, paragraphs in articles.items()]}

"""What `isthmus align` trains on, written by the generator: questions on documents, queries of a knowledge base.

A question, or its translation, that does not find its own passage among the nearest is dropped (the consistency filter
of Promptagator, arXiv 2209.11755): small models answer what they should translate. So is a translation that is not in
its language or loses a number. What the generator wrote is kept in the folder, so that a run that was broken off goes
on where it was.
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
from retriever.models.encoder import Encoder
from retriever.types import Passage, Vectors

NEAREST = 3
SECONDS = 120.0
EXAMPLES = 3
"""Queries of a label that the generator sees before it writes another."""
HELD_OUT = 10
"""One in so many translated queries is kept to measure on."""


def write_questions(
    passages: Sequence[Passage],
    languages: Sequence[str],
    engine: Engine,
    encoder: Encoder,
    folder: Path,
    *,
    count: int,
    seed: int = 1,
) -> dict[str, int]:
    """Write questions.LANGUAGE.json (SQuAD's form, parallel) for English and the languages; how many each has.

    Up to `count` passages are asked about, drawn by the seed from the English ones; all of these are the pool.
    Raises IsthmusError if no passage is English or no question is left, GeneratorError if the generator fails.
    """
    english = [passage for passage in passages if passage.language == "en"]
    if not english:
        raise IsthmusError("None of the passages is in English; questions are written on English documents.")
    folder.mkdir(parents=True, exist_ok=True)
    asking = QueryRewriter(lambda: engine, folder, "ask", SECONDS)
    translating = QueryRewriter(lambda: engine, folder, "translate", SECONDS)
    drawn = random.Random(seed).sample(range(len(english)), min(count, len(english)))
    asked = {
        number: question
        for number in tqdm(drawn, desc="Questions", disable=None)
        if (question := asking(english[number].embedded_text, "en", "en"))
    }
    pool = encoder.encode_passages([passage.embedded_text for passage in english])
    kept = _consistent(asked, pool, encoder)
    if not kept:
        raise IsthmusError(f"Of {len(drawn)} passages none has a usable question; try a larger generator.")
    found = {"en": kept}
    for language in languages:
        bar = tqdm(kept.items(), desc=f"Translating into {language}", disable=None)
        said = {number: translated for number, text in bar if (translated := translating(text, "en", language))}
        found[language] = _consistent(said, pool, encoder)
    for language, questions in found.items():
        path = folder / f"questions.{language}.json"
        path.write_text(json.dumps(_squad(questions, english), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return {language: len(questions) for language, questions in found.items()}


def write_queries(
    rows: Sequence[LabelledQuery],
    languages: Sequence[str],
    engine: Engine,
    encoder: Encoder,
    folder: Path,
    *,
    count: int,
    seed: int = 1,
) -> dict[str, int]:
    """Write train.tsv and validation.tsv (query, english, label, language) out of a knowledge base; rows by language.

    Up to `count` of its queries are translated into each language (Algorithm 1 of arXiv 2506.02527), and for each label
    one more is written straight in the language, without an original (its step 4; to train on alone). What does not
    find its original, or a query of its label, among the nearest is dropped. Raises IsthmusError if nothing is left,
    GeneratorError if the generator fails.
    """
    base = [row for row in rows if row.english]
    if not base:
        raise IsthmusError("None of the rows has a query in the knowledge base's own language.")
    folder.mkdir(parents=True, exist_ok=True)
    translating = QueryRewriter(lambda: engine, folder, "translate", SECONDS)
    writing = QueryRewriter(lambda: engine, folder, "similar", SECONDS)
    rng = random.Random(seed)
    drawn = rng.sample(range(len(base)), min(count, len(base)))
    by_label: dict[str, list[str]] = {}
    for row in base:
        by_label.setdefault(row.label, []).append(row.english)
    shown = {label: "\n".join(rng.sample(own, min(EXAMPLES, len(own)))) for label, own in sorted(by_label.items())}
    pool = encoder.encode_passages([row.english for row in base])
    made: list[LabelledQuery] = []
    for language in languages:
        bar = tqdm(drawn, desc=f"Translating into {language}", disable=None)
        said = {n: text for n in bar if (text := translating(base[n].english, "en", language))}
        faithful = _consistent(said, pool, encoder)
        made += [LabelledQuery(base[n].english, text, base[n].label, language) for n, text in faithful.items()]
        labels = tqdm(shown, desc=f"Writing in {language}", disable=None)
        written = {label: text for label in labels if (text := writing(shown[label], language, language))}
        nearest = _nearest(list(written.values()), pool, encoder)
        for (label, text), found in zip(written.items(), nearest, strict=True):
            if label in {base[n].label for n in found}:
                made.append(LabelledQuery("", text, label, language))
    if not made:
        raise IsthmusError("The generator wrote nothing that finds its label; try a larger one.")
    counts = Counter((row.label, row.language) for row in made if row.english)
    chosen = [row for row in made if row.english and counts[row.label, row.language] > 1]
    held = set(chosen[::HELD_OUT])
    _write_labelled([row for row in made if row not in held], folder / "train.tsv")
    _write_labelled([row for row in made if row in held], folder / "validation.tsv")
    return {language: sum(row.language == language for row in made) for language in languages}


def _write_labelled(rows: Sequence[LabelledQuery], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
        writer.writerow(["query", "english", "label", "language"])
        for row in rows:
            writer.writerow(" ".join(cell.split()) for cell in (row.text, row.english, row.label, row.language))


def _consistent(asked: dict[int, str], pool: Vectors, encoder: Encoder) -> dict[int, str]:
    """The questions, by their passages' numbers in the pool, that have these among the nearest."""
    found = _nearest(list(asked.values()), pool, encoder)
    return {number: text for (number, text), row in zip(asked.items(), found, strict=True) if number in row}


def _nearest(asked: Sequence[str], pool: Vectors, encoder: Encoder) -> list[list[int]]:
    """For each text the numbers of the NEAREST of the pool."""
    scores = encoder.encode_queries(asked) @ pool.T
    nearest: list[list[int]] = np.argsort(-scores, axis=1, kind="stable")[:, :NEAREST].tolist()
    return nearest


def _squad(questions: dict[int, str], passages: Sequence[Passage]) -> dict[str, object]:
    """Articles are documents; every passage is there, so that all languages' files share one pool."""
    articles: dict[str, list[dict[str, object]]] = {}
    for number, passage in enumerate(passages):
        qas = [{"id": passage.id, "question": questions[number], "answers": []}] if number in questions else []
        title = f"{passage.title} {passage.document_id[:8]}".strip()
        articles.setdefault(title, []).append({"context": passage.text, "qas": qas})
    return {"data": [{"title": title, "paragraphs": paragraphs} for title, paragraphs in articles.items()]}

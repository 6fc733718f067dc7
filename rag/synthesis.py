"""Parallel questions on one's own documents, written and translated by the generator: what `isthmus align` trains on.

A question, or its translation, that does not find its own passage among the nearest is dropped (the consistency filter
of Promptagator, arXiv 2209.11755): small models answer what they should translate. So is a translation that is not in
its language or loses a number. What the generator wrote is kept in the folder, so that a run that was broken off goes
on where it was.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from rag.generator import Engine
from rag.rewriting import QueryRewriter
from retriever.encoder import Encoder
from retriever.errors import IsthmusError
from retriever.types import Passage, Vectors

NEAREST = 3
SECONDS = 120.0


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


def _consistent(asked: dict[int, str], pool: Vectors, encoder: Encoder) -> dict[int, str]:
    """The questions, by their passages' numbers in the pool, that have these among the nearest."""
    if not asked:
        return {}
    scores = encoder.encode_queries(list(asked.values())) @ pool.T
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :NEAREST]
    return {number: text for (number, text), row in zip(asked.items(), nearest.tolist(), strict=True) if number in row}


def _squad(questions: dict[int, str], passages: Sequence[Passage]) -> dict[str, object]:
    """Articles are documents; every passage is there, so that all languages' files share one pool."""
    articles: dict[str, list[dict[str, object]]] = {}
    for number, passage in enumerate(passages):
        qas = [{"id": passage.id, "question": questions[number], "answers": []}] if number in questions else []
        title = f"{passage.title} {passage.document_id[:8]}".strip()
        articles.setdefault(title, []).append({"context": passage.text, "qas": qas})
    return {"data": [{"title": title, "paragraphs": paragraphs} for title, paragraphs in articles.items()]}

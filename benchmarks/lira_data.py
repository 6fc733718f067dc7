"""The rows that `benchmarks.lira` trains on, selects weights by, and reports."""

import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.answer_data import LANGUAGES
from benchmarks.stages import default_split
from retriever.alignment.data import parallel_texts
from retriever.alignment.methods.lira.candidates import add_noise
from retriever.alignment.methods.lira.rows import LiraQuery, parallel_queries
from retriever.data.afriqa import AfriqaQuestion, read_afriqa
from retriever.data.pairs import read_pairs
from retriever.data.sib200 import read_sib200
from retriever.data.squad import read_squad

DATA_SEED = 1
TRAINED_AFRIQA = ("hau", "ibo", "twi")
"""AfriQA's languages in training; Yoruba and Zulu are only reported."""
PAIRS, SENTENCES, QUESTIONS = 150, 100, 40
"""Tatoeba's pairs of a language, SIB-200's sentences of a language, XQuAD's held-out questions of a language."""
DEVELOPMENT_SHARE = 0.12


def training_queries(data: Path, seed: int) -> tuple[list[LiraQuery], list[LiraQuery]]:
    """Queries to train on, and queries to select weights by; no text is in both, in any language."""
    rng = random.Random(seed)
    squad = default_split(read_squad(data / "xquad", LANGUAGES)).train
    pairs = read_pairs(data / "tatoeba")
    rng.shuffle(pairs)
    counts: dict[str, int] = {}
    drawn = []
    for pair in pairs:
        counts[pair.language] = counts.get(pair.language, 0) + 1
        if counts[pair.language] <= PAIRS:
            drawn.append(pair)
    queries = parallel_queries(parallel_texts(squad, drawn), squad)
    for language in TRAINED_AFRIQA:
        queries += [_from_afriqa(row) for row in read_afriqa(data / "afriqa" / f"{language}.dev.jsonl")]
    groups = sorted({query.group for query in queries})
    rng.shuffle(groups)
    held_out = set(groups[: round(DEVELOPMENT_SHARE * len(groups))])
    return [q for q in queries if q.group not in held_out], [q for q in queries if q.group in held_out]


def reported_queries(data: Path, seed: int) -> dict[str, tuple[list[LiraQuery], list[str]]]:
    """The queries of each data set, and the documents that they search."""
    rng = random.Random(seed)
    files = sorted((data / "afriqa").glob("*.train.jsonl"))
    asked = [_from_afriqa(row) for file in files for row in read_afriqa(file)]
    sentences = read_sib200(data / "sib200")
    english = sentences.pop("en")
    numbers = rng.sample(sorted(english), SENTENCES)
    translated = [
        LiraQuery(language, texts[number], english[number], english[number], number)
        for language, texts in sentences.items()
        for number in numbers
        if number in texts
    ]
    squad = default_split(read_squad(data / "xquad", LANGUAGES)).test
    ids = set(rng.sample([question.id for question in squad.questions["en"]], QUESTIONS))
    translations = {question.id: question.text for question in squad.questions["en"]}
    questions = [
        LiraQuery(language, q.text, translations[q.id], squad.passages["en"][q.passage_id], q.article)
        for language in LANGUAGES
        if language != "en"
        for q in squad.questions[language]
        if q.id in ids
    ]
    return {
        "AfriQA": (asked, list(dict.fromkeys(query.document for query in asked))),
        "SIB-200": (translated, list(english.values())),
        "XQuAD": (questions, list(squad.passages["en"].values())),
    }


def spoil_translations(queries: Sequence[LiraQuery], share: float) -> list[str]:
    """The human translations with a share of their words spoilt."""
    rng = random.Random(f"{DATA_SEED} {share}")
    vocabulary = sorted({word for query in queries for word in query.english.split()})
    return [add_noise(query.english, share, vocabulary, rng) for query in queries]


def _from_afriqa(row: AfriqaQuestion) -> LiraQuery:
    return LiraQuery(row.language, row.text, row.english, row.passage, row.title)

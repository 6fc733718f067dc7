"""The rows that `benchmarks.lira` trains on, selects weights by, and reports."""

import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.answer_data import LANGUAGES, SPLIT_SEED, TEST_ARTICLES
from retriever.alignment.data import parallel_texts, split_articles
from retriever.alignment.methods.lira.rows import LiraQuery, parallel_queries
from retriever.data.afriqa import AfriqaQuestion, read_afriqa
from retriever.data.pairs import read_pairs
from retriever.data.sib200 import read_sib200
from retriever.data.squad import read_squad

TRAINED_AFRIQA = ("hau", "ibo", "twi")
"""AfriQA's languages in training; Yoruba and Zulu are only reported."""
PAIRS, SENTENCES, QUESTIONS = 150, 100, 40
"""Tatoeba's pairs of a language, SIB-200's sentences of a language, XQuAD's held-out questions of a language."""
DEVELOPMENT_SHARE = 0.12


def training_queries(data: Path, seed: int) -> tuple[list[LiraQuery], list[LiraQuery]]:
    """Queries to train on, and queries to select weights by; no text is in both, in any language."""
    rng = random.Random(seed)
    squad = split_articles(read_squad(data / "xquad", LANGUAGES), test=TEST_ARTICLES, dev=0, seed=SPLIT_SEED).train
    pairs = [pair for pair in read_pairs(data / "tatoeba")]
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


def reported_queries(data: Path, seed: int) -> dict[str, list[LiraQuery]]:
    """The queries of each data set; the documents of each are all that its rows have."""
    rng = random.Random(seed)
    reported: dict[str, list[LiraQuery]] = {"AfriQA": []}
    for file in sorted((data / "afriqa").glob("*.train.jsonl")):
        reported["AfriQA"] += [_from_afriqa(row) for row in read_afriqa(file)]
    sentences = read_sib200(data / "sib200")
    english = sentences.pop("en")
    numbers = rng.sample(sorted(english), SENTENCES)
    reported["SIB-200"] = [
        LiraQuery(language, texts[number], english[number], english[number], number)
        for language, texts in sentences.items()
        for number in numbers
        if number in texts
    ]
    squad = split_articles(read_squad(data / "xquad", LANGUAGES), test=TEST_ARTICLES, dev=0, seed=SPLIT_SEED).test
    ids = set(rng.sample([question.id for question in squad.questions["en"]], QUESTIONS))
    translations = {question.id: question.text for question in squad.questions["en"]}
    reported["XQuAD"] = [
        LiraQuery(language, q.text, translations[q.id], squad.passages["en"][q.passage_id], q.article)
        for language in LANGUAGES
        if language != "en"
        for q in squad.questions[language]
        if q.id in ids
    ]
    return reported


def other_documents(data: Path, name: str) -> Sequence[str]:
    """Documents of a data set that no reported row is to find, but a query may."""
    if name == "SIB-200":
        return list(read_sib200(data / "sib200")["en"].values())
    if name == "XQuAD":
        return list(read_squad(data / "xquad", ["en"]).passages["en"].values())
    return []


def _from_afriqa(row: AfriqaQuestion) -> LiraQuery:
    return LiraQuery(row.language, row.text, row.english, row.passage, row.title)

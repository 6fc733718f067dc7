"""Questions with gold answers and the passages that hold them, of XQuAD and AfriQA, for choosing and for reporting.

Of XQuAD, `dev` are the 16 articles that the shipped encoder was trained on and `test` the 8 others; of AfriQA, `dev`
are its development files and `test` its training files, which nothing was trained on.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retriever.alignment.data import split_articles
from retriever.data.squad import read_squad

LANGUAGES = ["en", "de", "es", "ro", "ru", "hi", "ar", "th"]
TEST_ARTICLES, SPLIT_SEED = 8, 7
"""The split that the shipped encoder was trained by."""
Part = Literal["dev", "test"]


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """A question; `golds` are its answers in its own language and in the passage's, `passage` the text with them.

    `group` is what a table shows apart: the language, or the data set.
    """

    id: str
    group: str
    language: str
    text: str
    golds: tuple[str, ...]
    passage: str


@dataclass(frozen=True, slots=True)
class AnswerPool:
    """Questions, and all passages that are searched for them."""

    questions: list[AnswerQuestion]
    passages: list[str]


def draw_xquad(
    folder: Path, part: Part, count: int, rng: random.Random, *, languages_each: int | None = None
) -> AnswerPool:
    """So many questions, each in all languages or in `languages_each` of them in turn, against the English passages."""
    squad = read_squad(folder, LANGUAGES)
    split = split_articles(squad, test=TEST_ARTICLES, dev=0, seed=SPLIT_SEED)
    articles = split.test if part == "test" else split.train
    ids = rng.sample(sorted(question.id for question in articles.questions["en"]), count)
    by_language = {lang: {question.id: question for question in squad.questions[lang]} for lang in LANGUAGES}
    english = squad.passages["en"]
    questions = []
    for place, lang in enumerate(LANGUAGES):
        for number, id_ in enumerate(ids):
            if languages_each is None or (place - number) % len(LANGUAGES) < languages_each:
                question = by_language[lang][id_]
                golds = tuple(dict.fromkeys((*question.answers, *by_language["en"][id_].answers)))
                passage = english[question.passage_id]
                questions.append(AnswerQuestion(id_, lang, lang, question.text, golds, passage))
    return AnswerPool(questions, list(english.values()))


def draw_afriqa(folder: Path, part: Part, count: int, rng: random.Random) -> AnswerPool:
    """So many questions in English translation, against the passages of all. Rows without a field are left out."""
    name = "dev" if part == "dev" else "train"
    rows = [
        json.loads(line)
        for path in sorted(folder.glob(f"*.{name}.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    whole = [
        row for row in rows if row.get("context") and row.get("question_translated") and row["answer_pivot"].get("text")
    ]
    passages = list(dict.fromkeys(" ".join(row["context"].split()) for row in whole))
    questions = [
        AnswerQuestion(
            f"{number}",
            "AfriQA",
            "en",
            row["question_translated"],
            tuple(row["answer_pivot"]["text"]),
            " ".join(row["context"].split()),
        )
        for number, row in enumerate(rng.sample(whole, count))
    ]
    return AnswerPool(questions, passages)

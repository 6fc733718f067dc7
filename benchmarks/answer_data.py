"""The parts of XQuAD and AfriQA that choices are made on, and the parts that are reported.

Of XQuAD, `dev` are the 16 articles that the shipped encoder was trained on and `test` the 8 others; of AfriQA, `dev`
are its development files and `test` its training files, which nothing was trained on.
"""

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Literal

from rag.evaluation.answer_data import AnswerData, AnswerQuestion, read_answer_data
from retriever.alignment.data import split_articles
from retriever.data.afriqa import AfriqaQuestion, read_afriqa
from retriever.data.squad import read_squad

LANGUAGES = ["en", "de", "es", "ro", "ru", "hi", "ar", "th"]
TEST_ARTICLES, SPLIT_SEED = 8, 7
"""The split that the shipped encoder was trained by."""
Part = Literal["dev", "test"]
_SUBJECT = re.compile(r"(?<![\d–-])\b\d{3,4}\b(?![–-])|(?<!^)\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)+")


def xquad_part(folder: Path, part: Part) -> AnswerData:
    """The questions of a part, in eight languages, against the English passages of all articles."""
    split = split_articles(read_squad(folder, LANGUAGES), test=TEST_ARTICLES, dev=0, seed=SPLIT_SEED)
    articles = split.test if part == "test" else split.train
    ids = {question.id for question in articles.questions["en"]}
    data = read_answer_data(folder, LANGUAGES)
    return replace(data, questions=[question for question in data.questions if question.id in ids])


def with_another_subject(data: AnswerData, names: Sequence[str], per_language: int, seed: int) -> list[AnswerQuestion]:
    """Questions that nothing answers: the year or name that a question shares with its passage is exchanged.

    It is found in the English question, a year of three or four digits or a run of capitalised words, and exchanged in
    every translation that has it letter by letter: for an earlier year, or one of `names`, that no passage has. At most
    `per_language` a language.
    """
    by_id: dict[str, dict[str, AnswerQuestion]] = {}
    for question in data.questions:
        by_id.setdefault(question.id, {})[question.language] = question
    subjects = {id_: found for id_, group in by_id.items() if (found := subject(group["en"]))}
    text = " ".join(data.passages)
    strangers = [name for name in names if name not in text]
    left = dict.fromkeys(data.languages, per_language)
    exchanged = []
    for id_ in random.Random(seed).sample(sorted(subjects), len(subjects)):
        old = subjects[id_]
        earlier = (str(int(old) - n) for n in count(11)) if old.isdigit() else ()
        new = next((year for year in earlier if year not in text), None) or random.Random(id_).choice(strangers)
        for language, question in by_id[id_].items():
            if left[language] and old in question.text:
                asked = question.text.replace(old, new)
                exchanged.append(replace(question, id=f"{id_}-other", text=asked, golds=(), passage=None))
                left[language] -= 1
    return exchanged


def subject_names(data: AnswerData) -> list[str]:
    """The names that questions share with their passages."""
    return sorted({name for name in map(subject, data.questions) if name and not name.isdigit()})


def subject(question: AnswerQuestion) -> str | None:
    """The first year or name of an English question that its passage has too."""
    return next((match[0] for match in _SUBJECT.finditer(question.text) if match[0] in str(question.passage)), None)


def afriqa_part(folder: Path, part: Part) -> AnswerData:
    """The questions of a part in their English translation, against the passages of that part."""
    parts = [read_answer_data(path, ["en"]) for path in _afriqa_files(folder, part)]
    return AnswerData(
        [question for data in parts for question in data.questions],
        list(dict.fromkeys(passage for data in parts for passage in data.passages)),
    )


def native_afriqa(folder: Path, part: Part, passages: Collection[str]) -> list[AfriqaQuestion]:
    """The questions of a part in their own languages, those whose passage is one of these."""
    return [row for file in _afriqa_files(folder, part) for row in read_afriqa(file) if row.passage in passages]


def _afriqa_files(folder: Path, part: Part) -> list[Path]:
    return sorted(folder.glob(f"*.{'dev' if part == 'dev' else 'train'}.jsonl"))

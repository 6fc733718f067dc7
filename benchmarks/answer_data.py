"""The parts of XQuAD and AfriQA that choices are made on, and the parts that are reported.

Of XQuAD, `dev` are the 16 articles that the shipped encoder was trained on and `test` the 8 others; of AfriQA, `dev`
are its development files and `test` its training files, which nothing was trained on.
"""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from rag.evaluation.answer_data import AnswerData, read_answer_data
from retriever.alignment.data import split_articles
from retriever.data.squad import read_squad

LANGUAGES = ["en", "de", "es", "ro", "ru", "hi", "ar", "th"]
TEST_ARTICLES, SPLIT_SEED = 8, 7
"""The split that the shipped encoder was trained by."""
Part = Literal["dev", "test"]


def xquad_part(folder: Path, part: Part) -> AnswerData:
    """The questions of a part, in eight languages, against the English passages of all articles."""
    split = split_articles(read_squad(folder, LANGUAGES), test=TEST_ARTICLES, dev=0, seed=SPLIT_SEED)
    articles = split.test if part == "test" else split.train
    ids = {question.id for question in articles.questions["en"]}
    data = read_answer_data(folder, LANGUAGES)
    return replace(data, questions=[question for question in data.questions if question.id in ids])


def afriqa_part(folder: Path, part: Part) -> AnswerData:
    """The questions of a part in their English translation, against the passages of that part."""
    name = "dev" if part == "dev" else "train"
    parts = [read_answer_data(path, ["en"]) for path in sorted(folder.glob(f"*.{name}.jsonl"))]
    return AnswerData(
        [question for data in parts for question in data.questions],
        list(dict.fromkeys(passage for data in parts for passage in data.passages)),
    )

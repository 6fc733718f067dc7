"""AfriQA: questions by people who had not seen the passage, their human translation, and the English passage."""

from dataclasses import dataclass
from pathlib import Path

from retriever.data.files import clean_line, read_jsonl
from retriever.data.pairs import short_code
from retriever.errors import DataError


@dataclass(frozen=True, slots=True)
class AfriqaQuestion:
    """A question, its English translation, and the title and text of the passage that answers it."""

    language: str
    text: str
    english: str
    title: str
    passage: str


def read_afriqa(file: Path) -> list[AfriqaQuestion]:
    """The questions of a file named like yor.train.jsonl; rows without a text that is needed are left out.

    Raises DataError if no row is whole.
    """
    language = short_code(file.name.split(".")[0])
    questions = []
    for row in read_jsonl(file):
        texts = [row.get(key) for key in ("question_lang", "question_translated", "title", "context")]
        cleaned = [clean_line(text) for text in texts if isinstance(text, str)]
        if len(cleaned) == len(texts) and all(cleaned):
            questions.append(AfriqaQuestion(language, *cleaned))
    if not questions:
        raise DataError(f"{file} holds no question with its translation, title and passage.")
    return questions

"""Parallel SQuAD JSON (XQuAD, MLQA): the same questions and passages in several languages."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from retriever.data.files import clean_line
from retriever.errors import DataError

_SQUAD_FILE = re.compile(r"\.([a-z]{2,3}(?:-[A-Za-z]+)?)\.json$")


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a parallel data set; the same `id` in every language is the same question."""

    id: str
    language: str
    text: str
    article: str
    passage_id: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParallelSquad:
    """Questions by language, and by language the passages: the same id is the same passage in every language."""

    questions: dict[str, list[Question]]
    passages: dict[str, dict[str, str]]

    @property
    def articles(self) -> list[str]:
        """The titles, in the files' order."""
        return list(dict.fromkeys(question.article for rows in self.questions.values() for question in rows))

    def only(self, articles: set[str]) -> "ParallelSquad":
        """The questions on these articles; the passages stay all there, as the pool to search."""
        questions = {lang: [q for q in rows if q.article in articles] for lang, rows in self.questions.items()}
        return ParallelSquad(questions, self.passages)

    def without_passages(self, articles: set[str]) -> "ParallelSquad":
        """The same without questions on or passages of these articles, so that no training sees them."""
        held_out = {q.passage_id for rows in self.questions.values() for q in rows if q.article in articles}
        questions = {lang: [q for q in rows if q.article not in articles] for lang, rows in self.questions.items()}
        passages = {
            lang: {id_: text for id_, text in rows.items() if id_ not in held_out}
            for lang, rows in self.passages.items()
        }
        return ParallelSquad(questions, passages)


def read_squad(folder: Path, languages: list[str] | None = None) -> ParallelSquad:
    """Parallel SQuAD JSON: a folder of files named NAME.LANGUAGE.json. Raises DataError."""
    paths = {match[1]: path for path in sorted(folder.glob("*.json")) if (match := _SQUAD_FILE.search(path.name))}
    if not paths:
        raise DataError(f"{folder} holds no file named like xquad.ro.json.")
    if missing := set(languages or ()) - set(paths):
        raise DataError(f"{folder} has no file for {', '.join(sorted(missing))}; it has {', '.join(paths)}.")
    questions: dict[str, list[Question]] = {}
    passages: dict[str, dict[str, str]] = {}
    for language in languages or paths:
        path = paths[language]
        questions[language], passages[language] = [], {}
        try:
            for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
                for number, paragraph in enumerate(article["paragraphs"]):
                    id_ = f"{article['title']}#{number}"
                    passages[language][id_] = clean_line(paragraph["context"])
                    questions[language] += [
                        Question(
                            str(qa["id"]),
                            language,
                            clean_line(qa["question"]),
                            article["title"],
                            id_,
                            tuple(clean_line(answer["text"]) for answer in qa.get("answers", [])),
                        )
                        for qa in paragraph["qas"]
                    ]
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {error.lineno}: no JSON ({error.msg}).") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: not UTF-8 at byte {error.start}.") from error
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: not in SQuAD's form (data, paragraphs, context, qas), near {error}.") from error
    return ParallelSquad(*_same_titles(questions, passages))


def _same_titles(
    questions: dict[str, list[Question]], passages: dict[str, dict[str, str]]
) -> tuple[dict[str, list[Question]], dict[str, dict[str, str]]]:
    """MLQA translates titles: passages are then named after the English (else the first) file's by question id."""
    pivot = questions.get("en") or next(iter(questions.values()))
    names = {question.id: (question.article, question.passage_id) for question in pivot}
    renamed: dict[str, list[Question]] = {}
    pools: dict[str, dict[str, str]] = {}
    for language, rows in questions.items():
        renamed[language], ids = [], {}
        for q in rows:
            article, passage_id = names.get(q.id, (q.article, q.passage_id))
            ids[q.passage_id] = passage_id
            renamed[language].append(replace(q, article=article, passage_id=passage_id))
        pools[language] = {ids.get(id_, id_): text for id_, text in passages[language].items()}
    return renamed, pools

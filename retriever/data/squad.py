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
    """A question of a parallel data set. Translations of a question share its `id`."""

    id: str
    language: str
    text: str
    article: str
    passage_id: str
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParallelSquad:
    """Questions by language, and passages by language and id. Translations of a passage share its id."""

    questions: dict[str, list[Question]]
    passages: dict[str, dict[str, str]]

    @property
    def articles(self) -> list[str]:
        """The titles of the articles, in the order of the files."""
        return list(dict.fromkeys(question.article for rows in self.questions.values() for question in rows))

    def only(self, articles: set[str]) -> "ParallelSquad":
        """The questions on these articles, with the passages of all articles as the pool to search."""
        questions = {lang: [q for q in rows if q.article in articles] for lang, rows in self.questions.items()}
        return ParallelSquad(questions, self.passages)

    def without_passages(self, articles: set[str]) -> "ParallelSquad":
        """The data set without the questions and passages of these articles, so that training does not see them."""
        held_out = {q.passage_id for rows in self.questions.values() for q in rows if q.article in articles}
        questions = {lang: [q for q in rows if q.article not in articles] for lang, rows in self.questions.items()}
        passages = {
            lang: {id_: text for id_, text in rows.items() if id_ not in held_out}
            for lang, rows in self.passages.items()
        }
        return ParallelSquad(questions, passages)


def read_squad(folder: Path, languages: list[str] | None = None) -> ParallelSquad:
    """Read a folder of SQuAD files named NAME.LANGUAGE.json, in all or in these languages. Raises DataError."""
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
    return _share_titles(ParallelSquad(questions, passages))


def _share_titles(squad: ParallelSquad) -> ParallelSquad:
    """The data set with the same titles and passage ids in every language.

    MLQA translates titles. The titles and passage ids of English, or else the first language, replace those of all
    questions with the same id.
    """
    pivot = squad.questions.get("en") or next(iter(squad.questions.values()))
    names = {question.id: (question.article, question.passage_id) for question in pivot}
    questions: dict[str, list[Question]] = {}
    passages: dict[str, dict[str, str]] = {}
    for language, language_questions in squad.questions.items():
        questions[language], shared_ids = [], {}
        for question in language_questions:
            article, passage_id = names.get(question.id, (question.article, question.passage_id))
            shared_ids[question.passage_id] = passage_id
            questions[language].append(replace(question, article=article, passage_id=passage_id))
        passages[language] = {shared_ids.get(id_, id_): text for id_, text in squad.passages[language].items()}
    return ParallelSquad(questions, passages)

"""Public data sets for retrieval: readers of their file formats, strict, with the line of what is wrong.

Parallel SQuAD JSON (XQuAD, MLQA), sentence pairs with English (Tatoeba), labelled queries (Hinglish-TOP).
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from babel.core import get_global

from retriever.errors import IsthmusError
from retriever.language import detect_language

_SQUAD_FILE = re.compile(r"\.([a-z]{2,3}(?:-[A-Za-z]+)?)\.json$")
_PAIRS_FILE = re.compile(r"^([a-z]{2,3})[-_](?:eng?|en)\.tsv$")
_INTENT = re.compile(r"^\[IN:(\w+)")


class DataError(IsthmusError):
    """A data file is not what it should be; the message names file, line and fault."""


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
        kept = {lang: [q for q in rows if q.article in articles] for lang, rows in self.questions.items()}
        return ParallelSquad(kept, self.passages)

    def without_passages(self, articles: set[str]) -> "ParallelSquad":
        """The same without questions on or passages of these articles, so that no training sees them."""
        gone = {q.passage_id for rows in self.questions.values() for q in rows if q.article in articles}
        questions = {lang: [q for q in rows if q.article not in articles] for lang, rows in self.questions.items()}
        passages = {
            lang: {id_: text for id_, text in rows.items() if id_ not in gone} for lang, rows in self.passages.items()
        }
        return ParallelSquad(questions, passages)


@dataclass(frozen=True, slots=True)
class Pair:
    """A text and its English translation."""

    language: str
    text: str
    english: str


ENOUGH = 50
"""Queries that tell the language of a file."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A query with its label, in English (the knowledge base's) and as users in another language (or mix) put it.

    `english` is empty where there is no original: a query that somebody put straight into the language.
    """

    english: str
    text: str
    label: str
    language: str


def read_squad(folder: Path, languages: list[str] | None = None) -> ParallelSquad:
    """Parallel SQuAD JSON: a folder of files named NAME.LANGUAGE.json. Raises DataError."""
    found = {match[1]: path for path in sorted(folder.glob("*.json")) if (match := _SQUAD_FILE.search(path.name))}
    if not found:
        raise DataError(f"{folder} holds no file named like xquad.ro.json.")
    if missing := set(languages or ()) - set(found):
        raise DataError(f"{folder} has no file for {', '.join(sorted(missing))}; it has {', '.join(found)}.")
    questions: dict[str, list[Question]] = {}
    passages: dict[str, dict[str, str]] = {}
    for language in languages or found:
        path = found[language]
        questions[language], passages[language] = [], {}
        try:
            for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
                for number, paragraph in enumerate(article["paragraphs"]):
                    id_ = f"{article['title']}#{number}"
                    passages[language][id_] = _text(paragraph["context"])
                    questions[language] += [
                        Question(
                            str(qa["id"]),
                            language,
                            _text(qa["question"]),
                            article["title"],
                            id_,
                            tuple(_text(answer["text"]) for answer in qa.get("answers", [])),
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


def read_pairs(path: Path, languages: list[str] | None = None) -> list[Pair]:
    """Lines `text<TAB>english`, from a file named ron-eng.tsv or a folder of such files. Raises DataError."""
    files = sorted(path.glob("*.tsv")) if path.is_dir() else [path]
    pairs = []
    for file in files:
        match = _PAIRS_FILE.match(file.name)
        if not match:
            raise DataError(f"{file}: the language is read from the name; call it like ron-eng.tsv.")
        language = short_code(match[1])
        if languages and language not in languages:
            continue
        for number, line in _lines(file):
            columns = line.split("\t")
            if len(columns) < 2 or not columns[0].strip() or not columns[1].strip():
                raise DataError(f"{file}, line {number}: expected text<TAB>english, found {line[:60]!r}.")
            pairs.append(Pair(language, _text(columns[0]), _text(columns[1])))
    if not pairs:
        raise DataError(f"{path} holds no pairs{f' in {languages}' if languages else ''}.")
    return pairs


def labelled_file(folder: Path, name: str) -> Path | None:
    """NAME.tsv or NAME.jsonl of a folder of labelled queries, if there is one."""
    return next((file for file in (folder / f"{name}.tsv", folder / f"{name}.jsonl") if file.is_file()), None)


def read_labelled(path: Path) -> list[Labelled]:
    """Hinglish-TOP's TSV (en_query, cs_query, en_parse, …), whose label is the outermost intent, or one's own.

    One's own has columns (TSV) or fields (JSON lines) query and label, and may have english, the query in the knowledge
    base's language (without it the query is its own original), and language. Where that is missing, the language is
    detected from all such queries of the file together, since one alone is short. Raises DataError.
    """
    rows = []
    for number, row in _records(path):
        if "en_parse" in row:
            parse = row["en_parse"]
            if not (intent := _INTENT.match(parse)):
                raise DataError(f"{path}, line {number}: the parse opens with no intent [IN:…]: {parse[:60]!r}.")
            rows.append(Labelled(_text(row["en_query"]), _text(row["cs_query"]), intent[1], "hi-Latn"))
            continue
        query = _text(row["query"])
        english = _text(row["english"]) if "english" in row else query
        rows.append(Labelled(english, query, row["label"], row.get("language", "")))
    if not rows:
        raise DataError(f"{path} is empty.")
    nameless = [row.text for row in rows if not row.language]
    language = detect_language("\n".join(nameless[:ENOUGH])) if nameless else ""
    return [row if row.language else replace(row, language=language) for row in rows]


def _records(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a file of labelled queries, with their numbers; each has what its kind needs. Raises DataError."""
    if path.suffix == ".jsonl":
        for number, value in enumerate(read_jsonl(path), start=1):
            if missing := {"query", "label"} - {name for name, said in value.items() if isinstance(said, str)}:
                raise DataError(f"{path}, object {number}: {', '.join(sorted(missing))} must be there, as text.")
            yield number, {name: said for name, said in value.items() if isinstance(said, str)}
        return
    lines = list(_lines(path))
    if not lines:
        return
    header = lines[0][1].split("\t")
    wanted = {"en_query", "cs_query", "en_parse"} if "en_query" in header else {"query", "label"}
    if missing := wanted - set(header):
        raise DataError(f"{path}, line 1: the columns {', '.join(sorted(missing))} are missing from {header}.")
    reader = csv.reader((line for _, line in lines[1:]), delimiter="\t", quoting=csv.QUOTE_NONE)
    for (number, _), columns in zip(lines[1:], reader, strict=True):
        if len(columns) != len(header):
            raise DataError(f"{path}, line {number}: {len(columns)} columns, the header has {len(header)}.")
        yield number, dict(zip(header, columns, strict=True))


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file. Raises DataError."""
    for number, line in _lines(path):
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {number}: no JSON ({error.msg}).") from error
        if not isinstance(value, dict):
            raise DataError(f"{path}, line {number}: expected an object, found {line[:60]!r}.")
        yield value


def short_code(code: str) -> str:
    """CLDR's code of a language: "ron" is "ro", "cmn" is "zh", "pes" is "fa"."""
    alias = get_global("language_aliases").get(code, code)
    return str(alias).split("_")[0].split(" ")[0]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a UTF-8 file without the empty ones."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}).") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _text(raw: str) -> str:
    return " ".join(unicodedata.normalize("NFC", raw).split())

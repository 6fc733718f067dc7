"""Retrieval tasks: queries, a pool of passages, and which passages answer which query."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ir_measures

from retriever.data.files import read_jsonl
from retriever.data.labelled import LabelledQuery, labelled_file, read_labelled
from retriever.data.pairs import Pair, read_pairs
from retriever.data.squad import ParallelSquad, read_squad
from retriever.errors import DataError
from retriever.languages.detection import detect_language


@dataclass(frozen=True, slots=True)
class Text:
    """A query or passage and its language."""

    text: str
    language: str


DIRECTIONS = ("L-en", "L-L", "en-L", "mixed")
"""Directions of parallel data: the query's language, then the passages'; L is each language in turn."""
ENGLISH_DIRECTIONS = {"L-en", "en-L"}
"""Directions with queries or passages in English."""

Pool = dict[str, Text]
"""Passages by id."""
Qrels = dict[str, dict[str, int]]
"""Relevance judgements: by query id and passage id, 1 or more for a relevant passage."""


@dataclass(frozen=True, slots=True)
class Task:
    """Queries in one language against one pool of passages.

    `pool` names the pool; tasks with the same name share it. In a pool of several languages `versions` maps each
    passage to the id that its translations share. `originals` has each query's English translation, if the data do.
    """

    direction: str
    language: str
    queries: dict[str, Text]
    pool: str
    passages: Pool
    qrels: Qrels
    versions: dict[str, str] | None = None
    originals: dict[str, str] | None = None

    def question(self, query_id: str) -> str:
        """What the query has in common with its translations: its English original, else its id."""
        return self.originals[query_id] if self.originals else query_id


def squad_tasks(squad: ParallelSquad, directions: Sequence[str] = DIRECTIONS) -> list[Task]:
    """Tasks from parallel data, in four directions for each language L.

    L-en: questions in L against English passages. L-L: questions in L against passages in L. en-L: English questions
    against passages in L. mixed: questions in L against the passages of all languages in one pool.

    Raises DataError if a direction needs English and the data have none.
    """
    if "en" not in squad.questions and (unusable := [name for name in directions if name in ENGLISH_DIRECTIONS]):
        raise DataError(
            f"Without an English file (NAME.en.json) {', '.join(unusable)} cannot be measured; name L-L or mixed."
        )
    pools = {
        language: {f"{id_}@{language}": Text(text, language) for id_, text in rows.items()}
        for language, rows in squad.passages.items()
    }
    mixed_pool = {id_: text for pool in pools.values() for id_, text in pool.items()}
    versions = {id_: id_.rsplit("@", 1)[0] for id_ in mixed_pool}
    english = {question.id: question.text for question in squad.questions.get("en", [])}

    def task(direction: str, language: str, query_language: str, passage_language: str | None) -> Task:
        questions = squad.questions[query_language]
        passage_languages = [passage_language] if passage_language else list(pools)
        has_originals = all(question.id in english for question in questions)
        return Task(
            direction,
            language,
            queries={q.id: Text(q.text, query_language) for q in questions},
            pool=passage_language or "mixed",
            passages=pools[passage_language] if passage_language else mixed_pool,
            qrels={q.id: {f"{q.passage_id}@{code}": 1 for code in passage_languages} for q in questions},
            versions=None if passage_language else versions,
            originals={q.id: english[q.id] for q in questions} if has_originals else None,
        )

    builders = {
        "L-en": lambda language: task("L-en", language, language, "en"),
        "L-L": lambda language: task("L-L", language, language, language),
        "en-L": lambda language: task("en-L", language, "en", language),
        "mixed": lambda language: task("mixed", language, language, None),
    }
    return [builders[direction](language) for direction in directions for language in squad.questions]


def pair_tasks(pairs: Sequence[Pair]) -> list[Task]:
    """Bitext retrieval: the sentences of each language L against the English sentences of the same file (L-en)."""
    tasks = []
    for language in dict.fromkeys(pair.language for pair in pairs):
        rows = [pair for pair in pairs if pair.language == language]
        ids = {english: f"{language}-{n}" for n, english in enumerate(dict.fromkeys(pair.english for pair in rows))}
        tasks.append(
            Task(
                "L-en",
                language,
                {str(n): Text(pair.text, language) for n, pair in enumerate(rows)},
                f"en of {language}",
                {id_: Text(english, "en") for english, id_ in ids.items()},
                {str(n): {ids[pair.english]: 1} for n, pair in enumerate(rows)},
                originals={str(n): pair.english for n, pair in enumerate(rows)},
            )
        )
    return tasks


def labelled_tasks(index: Sequence[LabelledQuery], queries: Sequence[LabelledQuery]) -> list[Task]:
    """Search in a knowledge base of English queries (`index`): a query must find an entry with its label.

    L-label has the queries in other languages, en-label their English originals. Queries whose label is not in the
    knowledge base are left out.
    """
    entries = [row for row in index if row.english]
    passages = {f"kb-{n}": Text(row.english, "en") for n, row in enumerate(entries)}
    by_label: dict[str, dict[str, int]] = {}
    for n, row in enumerate(entries):
        by_label.setdefault(row.label, {})[f"kb-{n}"] = 1
    answerable = [row for row in queries if row.label in by_label]
    task_rows = {("en-label", "en"): [(row.english, row) for row in answerable if row.english and _is_original(row)]}
    for row in answerable:
        if row.language != "en":
            task_rows.setdefault(("L-label", row.language), []).append((row.text, row))
    return [
        Task(
            direction,
            language,
            {f"{language}-{n}": Text(text, language) for n, (text, _) in enumerate(rows)},
            "knowledge base",
            passages,
            {f"{language}-{n}": by_label[row.label] for n, (_, row) in enumerate(rows)},
        )
        for (direction, language), rows in task_rows.items()
        if rows
    ]


def _is_original(row: LabelledQuery) -> bool:
    """Whether the row's English text is a real original, not the query in another language repeated."""
    return row.language == "en" or row.english != row.text


def beir_tasks(folder: Path) -> list[Task]:
    """Tasks from a BEIR folder: corpus.jsonl, queries.jsonl, and qrels/*.tsv or TREC qrels (qrels/*.txt).

    Each file of judgements and each detected language of its queries makes a task. Raises DataError.
    """
    passages: Pool = {}
    queries: dict[str, Text] = {}
    for name, rows in (("corpus.jsonl", passages), ("queries.jsonl", queries)):
        for row in read_jsonl(folder / name):
            if "_id" not in row or "text" not in row:
                raise DataError(f"{folder / name}: a row without _id or text: {str(row)[:60]}.")
            text = " ".join(f"{row.get('title', '')} {row['text']}".split())
            rows[str(row["_id"])] = Text(text, detect_language(text))
    tasks = []
    for file in sorted((folder / "qrels").glob("*.t[sx][vt]")):
        qrels = _read_qrels(file)
        if unknown := {id_ for rows in qrels.values() for id_ in rows} - set(passages):
            raise DataError(f"{file}: {len(unknown)} passages are not in corpus.jsonl, such as {min(unknown)!r}.")
        if unknown := set(qrels) - set(queries):
            raise DataError(f"{file}: {len(unknown)} queries are not in queries.jsonl, such as {min(unknown)!r}.")
        for language in dict.fromkeys(queries[id_].language for id_ in qrels):
            task_queries = {id_: queries[id_] for id_ in qrels if queries[id_].language == language}
            task_qrels = {id_: qrels[id_] for id_ in task_queries}
            tasks.append(Task(file.stem, language, task_queries, folder.name, passages, task_qrels))
    if not tasks:
        raise DataError(f"{folder} has no qrels (qrels/test.tsv).")
    return tasks


def _read_qrels(file: Path) -> Qrels:
    qrels: Qrels = {}
    try:
        if file.suffix == ".txt":
            for judgement in ir_measures.read_trec_qrels(str(file)):
                qrels.setdefault(judgement.query_id, {})[judgement.doc_id] = judgement.relevance
            return qrels
    except ValueError as error:
        raise DataError(f"{file}: no TREC qrels (query 0 passage relevance): {error}.") from error
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines, delimiter="\t"), start=1):
            if number == 1 and row[-1:] == ["score"]:
                continue
            if len(row) != 3 or not row[2].lstrip("-").isdigit():
                raise DataError(f"{file}, line {number}: expected query-id, corpus-id and score, found {row}.")
            qrels.setdefault(row[0], {})[row[1]] = int(row[2])
    return qrels


def read_tasks(path: Path, languages: list[str] | None = None, directions: Sequence[str] | None = None) -> list[Task]:
    """The tasks of the data at `path`: parallel SQuAD, pairs, labelled queries, or a BEIR folder.

    Labelled queries are a folder of train.tsv (the knowledge base) and test.tsv or validation.tsv, or of JSON lines
    with these names. `languages` limits the tasks of parallel data and pairs to these languages. `directions` are those
    of parallel data, L-en by default. Raises DataError.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; name a file or folder of retrieval data.")
    if (path / "corpus.jsonl").is_file():
        return beir_tasks(path)
    if knowledge_base := labelled_file(path, "train"):
        if not (test := labelled_file(path, "test") or labelled_file(path, "validation")):
            raise DataError(f"{path} has a {knowledge_base.name} but neither a test nor a validation file.")
        return labelled_tasks(read_labelled(knowledge_base), read_labelled(test))
    if path.is_dir() and any(path.glob("*.json")):
        directions = directions or ("L-en",)
        needs_english = languages and "en" not in languages and ENGLISH_DIRECTIONS & set(directions)
        file_languages = [*languages, "en"] if languages and needs_english else languages
        tasks = squad_tasks(read_squad(path, file_languages), directions)
        return [task for task in tasks if not languages or task.language in languages]
    return pair_tasks(read_pairs(path, languages))

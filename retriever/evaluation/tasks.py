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


ENGLISH = {"L-en", "en-L"}
"""Directions of parallel data that ask or search in English."""

Pool = dict[str, Text]
Qrels = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Task:
    """Queries in one language against one pool. `pool` names the pool; tasks with the same name share it.

    `versions` gives, in a pool of several languages, for each passage the name that its versions share;
    `originals` each query's English translation where the data have it.
    """

    direction: str
    language: str
    queries: dict[str, Text]
    pool: str
    passages: Pool
    qrels: Qrels
    versions: dict[str, str] | None = None
    originals: dict[str, str] | None = None


def squad_tasks(squad: ParallelSquad, directions: Sequence[str] = ("L-en", "L-L", "en-L", "mixed")) -> list[Task]:
    """For each language L: its questions against English passages (L-en), against its own (L-L), the English
    questions against its passages (en-L), and its questions against the passages of all languages in one pool.

    Raises DataError if a direction needs English, and there is none.
    """
    if "en" not in squad.questions and (needing := [way for way in directions if way in ENGLISH]):
        raise DataError(
            f"Without an English file (NAME.en.json) {', '.join(needing)} cannot be measured; name L-L or mixed."
        )
    pools = {
        language: {f"{id_}@{language}": Text(text, language) for id_, text in rows.items()}
        for language, rows in squad.passages.items()
    }
    everything = {id_: text for pool in pools.values() for id_, text in pool.items()}
    versions = {id_: id_.rsplit("@", 1)[0] for id_ in everything}
    english = {q.id: q.text for q in squad.questions.get("en", [])}

    def task(direction: str, language: str, asked: str, searched: str | None) -> Task:
        rows = squad.questions[asked]
        holders = [searched] if searched else list(pools)
        return Task(
            direction,
            language,
            {q.id: Text(q.text, asked) for q in rows},
            searched or "mixed",
            pools[searched] if searched else everything,
            {q.id: {f"{q.passage_id}@{holder}": 1 for holder in holders} for q in rows},
            None if searched else versions,
            {q.id: english[q.id] for q in rows} if all(q.id in english for q in rows) else None,
        )

    build = {
        "L-en": lambda language: task("L-en", language, language, "en"),
        "L-L": lambda language: task("L-L", language, language, language),
        "en-L": lambda language: task("en-L", language, "en", language),
        "mixed": lambda language: task("mixed", language, language, None),
    }
    return [build[direction](language) for direction in directions for language in squad.questions]


def pair_tasks(pairs: Sequence[Pair]) -> list[Task]:
    """Bitext retrieval: for each language L its sentences against the English ones of the same file (L-en)."""
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
    """A knowledge base of English queries: a query in another language must find one with the right label (L-label).

    The same for the queries' English originals (en-label). Labels that the knowledge base lacks are left out.
    """
    base = [row for row in index if row.english]
    passages = {f"kb-{n}": Text(row.english, "en") for n, row in enumerate(base)}
    by_label: dict[str, dict[str, int]] = {}
    for n, row in enumerate(base):
        by_label.setdefault(row.label, {})[f"kb-{n}"] = 1
    known = [row for row in queries if row.label in by_label]
    asked = {("en-label", "en"): [(row.english, row) for row in known if row.english and _is_original(row)]}
    for row in known:
        if row.language != "en":
            asked.setdefault(("L-label", row.language), []).append((row.text, row))
    return [
        Task(
            direction,
            language,
            {str(n): Text(text, language) for n, (text, _) in enumerate(rows)},
            "knowledge base",
            passages,
            {str(n): by_label[row.label] for n, (_, row) in enumerate(rows)},
        )
        for (direction, language), rows in asked.items()
        if rows
    ]


def _is_original(row: LabelledQuery) -> bool:
    """Whether the row's English is English: not a query in another language that stands for itself."""
    return row.language == "en" or row.english != row.text


def beir_tasks(folder: Path) -> list[Task]:
    """A BEIR folder: corpus.jsonl, queries.jsonl and qrels/*.tsv, or TREC qrels (qrels/*.txt). Raises DataError."""
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
            own = {id_: queries[id_] for id_ in qrels if queries[id_].language == language}
            judged = {id_: qrels[id_] for id_ in own}
            tasks.append(Task(file.stem, language, own, folder.name, passages, judged))
    if not tasks:
        raise DataError(f"{folder} has no qrels (qrels/test.tsv).")
    return tasks


def _read_qrels(file: Path) -> Qrels:
    qrels: Qrels = {}
    try:
        if file.suffix == ".txt":
            for judged in ir_measures.read_trec_qrels(str(file)):
                qrels.setdefault(judged.query_id, {})[judged.doc_id] = judged.relevance
            return qrels
    except ValueError as error:
        raise DataError(f"{file}: no TREC qrels (query 0 passage relevance): {error}.") from error
    with file.open(encoding="utf-8", newline="") as opened:
        for number, row in enumerate(csv.reader(opened, delimiter="\t"), start=1):
            if number == 1 and row[-1:] == ["score"]:
                continue
            if len(row) != 3 or not row[2].lstrip("-").isdigit():
                raise DataError(f"{file}, line {number}: expected query-id, corpus-id and score, found {row}.")
            qrels.setdefault(row[0], {})[row[1]] = int(row[2])
    return qrels


def read_tasks(path: Path, languages: list[str] | None = None, directions: Sequence[str] | None = None) -> list[Task]:
    """The tasks of whatever lies at `path`: parallel SQuAD, pairs, labelled queries, or a BEIR folder.

    Labelled queries are a folder of train.tsv (the knowledge base) and test.tsv or validation.tsv, or JSON lines of
    these names. With `languages` these alone are measured, against English where the direction says so. Raises
    DataError.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; name a file or folder of retrieval data.")
    if (path / "corpus.jsonl").is_file():
        return beir_tasks(path)
    if base := labelled_file(path, "train"):
        if not (test := labelled_file(path, "test") or labelled_file(path, "validation")):
            raise DataError(f"{path} has a {base.name} but neither a test nor a validation file.")
        return labelled_tasks(read_labelled(base), read_labelled(test))
    if path.is_dir() and any(path.glob("*.json")):
        ways = directions or ("L-en",)
        read = [*languages, "en"] if languages and "en" not in languages and ENGLISH & set(ways) else languages
        tasks = squad_tasks(read_squad(path, read), ways)
        return [task for task in tasks if not languages or task.language in languages]
    return pair_tasks(read_pairs(path, languages))

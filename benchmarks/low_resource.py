"""Languages that encoders saw little of: is the right English sentence or passage found?

`python -m benchmarks.low_resource [--part afriqa|sib200|tatoeba|translated] [--queries 100] [--seed 1]`

AfriQA's training files as passage retrieval: questions of people who had not seen the passage, in five African
languages, and as people put them into English: what a perfect translation would find. SIB-200 as sentence retrieval:
`--queries` sentences, the same in each of 23 languages, against all English ones. Tatoeba's rare languages, each
against its own English sentences, less the lines that the aligned encoder was trained on. Beside each language stand
the rows that the encoder was trained on in it, and how its tokenizer breaks words up. `--part translated`, which is
slow on a processor, has the embedded generator put the first `--queries` of each language of AfriQA and SIB-200 into
English before they are searched; it is left out without `--part`. Each part is published as it is done. Without the
data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import contextlib
import functools
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from benchmarks.answer_data import LANGUAGES
from benchmarks.report import data_folder, publish
from benchmarks.shared_index import shared_stages
from rag.build import build_encoder, build_engine
from rag.generation.rewriting import QueryRewriter
from rag.settings import Settings, load_settings
from retriever.alignment.data import ParallelText
from retriever.alignment.default import default_plan
from retriever.alignment.methods.late_distillation import SHARES
from retriever.alignment.plan import read_material
from retriever.alignment.sampling import draw_kinds
from retriever.data.afriqa import AfriqaQuestion, read_afriqa
from retriever.data.pairs import Pair, read_pairs
from retriever.data.sib200 import read_sib200
from retriever.evaluation import Evaluation, System, Task
from retriever.evaluation.metrics import confidence_interval
from retriever.evaluation.tasks import Text, pair_tasks
from retriever.languages.scripts import UNSPACED

CAPTIONS = {
    "afriqa": (
        "Low-resource questions, AfriQA’s training files (no encoder or weight saw them), against 1,305 English "
        "passages. “by people”: the questions as people put them into English, what a perfect translation would find"
    ),
    "sib200": "Low-resource sentences against SIB-200’s 800 English ones, of which nothing was trained on",
    "tatoeba": (
        "Tatoeba’s rare languages: sentences against the English ones of the same language, less the pairs that the "
        "aligned encoder was trained on; it saw others of the same source"
    ),
}
COLUMNS_EXPLAINED = (
    "“product” is the default, with 95 % intervals clustered by question. “rows trained on” are the encoder’s in that "
    "language, none of them measured here; the thresholds of language detection were chosen on short texts of all "
    "three data sets. “pieces” are the tokenizer’s: a word, and for one of the English original"
)
TRANSLATED = (
    "Translate, then search: the product on the embedded generator’s translation; a query without a usable one is "
    "searched as it is"
)
RARE = 500
"""Languages with fewer pairs in Tatoeba are rare; XQuAD's are not, whatever Tatoeba has."""
COLUMNS = (
    *("data", "language", "rows trained on", "queries", "pieces a word", "for an English one"),
    *("R@1 dense", "hybrid", "product", "low", "high"),
    *("nDCG@10 dense", "hybrid ", "product ", "low ", "high ", "product - dense, R@1", "p"),
)
TRANSLATED_COLUMNS = ("data", "language", "queries", "usable translations", "R@1 product", "translated")
MEASURES = ("R@1", "nDCG@10")
SECONDS = 60.0


def trained_rows(data: Path) -> list[ParallelText]:
    """The rows that the aligned encoder was trained on, drawn again."""
    plan = default_plan(data, Path())
    return draw_kinds(read_material(plan).texts, plan.recipe.row_count, random.Random(plan.recipe.seed), SHARES)


def afriqa_tasks(questions: Sequence[AfriqaQuestion]) -> list[Task]:
    """The questions of each language against the passages of all."""
    ids = {passage: str(number) for number, passage in enumerate(dict.fromkeys(row.passage for row in questions))}
    passages = {id_: Text(passage, "en") for passage, id_ in ids.items()}
    tasks = []
    for language in dict.fromkeys(row.language for row in questions):
        rows = {f"{language}-{n}": row for n, row in enumerate(questions) if row.language == language}
        tasks.append(
            Task(
                "L-en",
                language,
                {id_: Text(row.text, language) for id_, row in rows.items()},
                "AfriQA",
                passages,
                {id_: {ids[row.passage]: 1} for id_, row in rows.items()},
                originals={id_: row.english for id_, row in rows.items()},
            )
        )
    return tasks


def sib200_tasks(sentences: Mapping[str, Mapping[str, str]], numbers: Sequence[str]) -> list[Task]:
    """The sentences of these numbers in each language against all English ones."""
    english = sentences["en"]
    ids = {sentence: number for number, sentence in english.items()}
    passages = {ids[sentence]: Text(sentence, "en") for sentence in ids}
    return [
        Task(
            "L-en",
            language,
            {number: Text(texts[number], language) for number in numbers if number in texts},
            "SIB-200",
            passages,
            {number: {ids[english[number]]: 1} for number in numbers if number in texts},
            originals={number: english[number] for number in numbers if number in texts},
        )
        for language, texts in sentences.items()
        if language != "en"
    ]


def rare_pairs(pairs: Sequence[Pair], trained: Sequence[ParallelText]) -> list[Pair]:
    """The pairs of rare languages of which neither side was trained on, in any language."""
    counts = Counter(pair.language for pair in pairs)
    seen = {text for row in trained for text in (row.text, row.english)}
    return [
        pair
        for pair in pairs
        if counts[pair.language] < RARE and pair.language not in LANGUAGES and not seen & {pair.text, pair.english}
    ]


def with_queries(task: Task, translate: Callable[[str], str]) -> Task:
    """The task with English queries, made of the ids of its own."""
    return replace(task, queries={id_: Text(translate(id_), "en") for id_ in task.queries})


def by_people(task: Task) -> Task:
    """The task with the English originals of its queries."""
    originals = task.originals or {}
    return with_queries(task, originals.__getitem__)


class Pieces:
    """How many pieces a tokenizer breaks texts into."""

    def __init__(self, folder: str) -> None:
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(Path(folder, "tokenizer.json")))

    def count(self, texts: Sequence[str]) -> int:
        """The pieces of all texts."""
        return sum(len(row.ids) for row in self._tokenizer.encode_batch(list(texts), add_special_tokens=False))

    def cells(self, task: Task) -> list[object]:
        """Pieces a word, none in a script without spaces between words; and for each piece of the originals."""
        texts = [query.text for query in task.queries.values()]
        pieces = self.count(texts)
        words = None if any(map(UNSPACED.search, texts)) else sum(len(text.split()) for text in texts)
        return [pieces / words if words else None, pieces / self.count(list((task.originals or {}).values()))]


def table_rows(
    name: str, systems: Sequence[System], tasks: Sequence[Task], trained: Mapping[str, int], pieces: Pieces
) -> list[list[object]]:
    """A row for each language, and one for all queries; the last system is the product, the first dense search."""
    evaluation = Evaluation(systems, tasks)
    rows: list[list[object]] = []
    for task in tasks:
        about = [name, task.language, trained.get(task.language, 0), len(task.queries), *pieces.cells(task)]
        rows.append([*about, *figures(evaluation, task.language)])
    about = [name, "all", "", sum(len(task.queries) for task in tasks), None, None]
    return [*rows, [*about, *figures(evaluation, None)]]


def figures(evaluation: Evaluation, language: str | None) -> list[object]:
    """The figures of a language, or of all queries."""
    dense, *_, product = evaluation.systems
    cells: list[object] = []
    for measure in MEASURES:
        for system in evaluation.systems:
            by_language = evaluation.by_language(system, "L-en", measure)
            values = [value for code in by_language if language in (None, code) for value in by_language[code]]
            cells.append(float(np.mean(values)))
        cells += confidence_interval(values, evaluation.questions("L-en", language))
    difference = evaluation.compare(product, dense, "L-en", language)
    return [*cells, f"{difference.difference:+.3f}", difference.p]


def translated_rows(settings: Settings, system: System, tasks: Mapping[str, Sequence[Task]]) -> list[list[object]]:
    """R@1 of each data set and language as it is and translated by the generator, and the share of usable ones."""
    rows: list[list[object]] = []
    with contextlib.closing(build_engine(settings)) as engine, tempfile.TemporaryDirectory() as cache:
        rewriter = QueryRewriter(lambda: engine, Path(cache), "translate", seconds=SECONDS)
        for name, some in tasks.items():
            for task in some:
                texts = {id_: rewriter(query.text, task.language, "en") for id_, query in task.queries.items()}
                usable = {id_: text for id_, text in texts.items() if text}
                translated = replace(
                    task,
                    direction="translated",
                    queries={
                        id_: Text(usable[id_], "en") if id_ in usable else query for id_, query in task.queries.items()
                    },
                )
                evaluation = Evaluation([system], [task, translated])
                own, other = (evaluation.mean(system.name, way, task.language) for way in ("L-en", "translated"))
                rows.append([name, task.language, len(texts), len(usable) / len(texts), own, other])
    return rows


def first_queries(task: Task, count: int) -> Task:
    """The task with its first queries alone."""
    ids = list(task.queries)[:count]
    originals = task.originals or {}
    return replace(
        task,
        queries={id_: task.queries[id_] for id_ in ids},
        qrels={id_: task.qrels[id_] for id_ in ids},
        originals={id_: originals[id_] for id_ in ids},
    )


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", choices=[*CAPTIONS, "translated"])
    parser.add_argument("--queries", type=int, default=100, help="sentences of SIB-200, or queries to translate")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    afriqa, sib200, tatoeba = (data_folder(name) for name in ("afriqa", "sib200", "tatoeba"))
    settings = load_settings()
    encoder = build_encoder(settings)
    trained = trained_rows(afriqa.parent)
    questions = afriqa_tasks([row for file in sorted(afriqa.glob("*.train.jsonl")) for row in read_afriqa(file)])
    sentences = read_sib200(sib200)
    numbers = random.Random(arguments.seed).sample(sorted(sentences["en"]), arguments.queries)
    tasks = {"AfriQA": questions, "SIB-200": sib200_tasks(sentences, numbers)}
    tables: dict[str, dict[str, list[Task]]] = {
        "afriqa": {"as asked": questions, "by people": [by_people(task) for task in questions]},
        "sib200": {"SIB-200": tasks["SIB-200"]},
        "tatoeba": {"Tatoeba": pair_tasks(rare_pairs(read_pairs(tatoeba), trained))},
    }
    systems, pieces = shared_stages(encoder), Pieces(encoder.folder)
    counts = Counter(row.language for row in trained)
    publish_table = functools.partial(publish, seeds=[arguments.seed], encoders=[encoder])
    for part in [arguments.part] if arguments.part in CAPTIONS else [] if arguments.part else CAPTIONS:
        rows = [row for name, some in tables[part].items() for row in table_rows(name, systems, some, counts, pieces)]
        publish_table(f"low_resource-{part}", f"{CAPTIONS[part]}. {COLUMNS_EXPLAINED}", COLUMNS, rows, data=part)
    if arguments.part == "translated":
        few = {name: [first_queries(task, arguments.queries) for task in some] for name, some in tasks.items()}
        rows = translated_rows(settings, systems[-1], few)
        publish_table("low_resource-translated", TRANSLATED, TRANSLATED_COLUMNS, rows, data=", ".join(tasks))


if __name__ == "__main__":
    main()

"""What does distribution do to ranking? Words counted within each shard, and fewer groups of languages: a simulation.

`python -m benchmarks.sharding`

XQuAD's questions on the 8 articles that the aligned encoder was not trained on, in 8 languages, searched by the shipped
search (`CrossLingualRetriever`) over three kinds of library. A document is an article in a language. It goes to a shard
by chance; figures of several shards are means of three such deals. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.report import data_folder, parse_no_arguments, publish
from benchmarks.simulated_index import ShallowTexts, SimulatedIndex, Texts, deal, document
from benchmarks.stages import default_split
from rag.build import build_encoder
from rag.settings import load_settings
from retriever.data.squad import ParallelSquad, read_squad
from retriever.evaluation import Evaluation, System, Task
from retriever.evaluation.metrics import Run, compare, confidence_interval
from retriever.evaluation.systems import DEPTH, HYBRID_DEPTH
from retriever.evaluation.tasks import squad_tasks
from retriever.search.rerankers import Reranker
from retriever.search.retriever import CrossLingualRetriever

SHARDING = (
    "A simulation of shards that count words by themselves (BM25's document frequencies and mean length), the mean of "
    "8 languages. L-en: English passages. L-L: passages in the question's language. library: 680 passages in 8 "
    "languages; the articles asked about are in one language each, others in all. “lost” is R@1 of one shard minus "
    "this, with its interval; “words” is BM25 alone with the whole question. The libraries are tiny: 16 shards have 5 "
    "to 10 passages each in L-en and L-L, some 40 in the library. Larger shards differ less"
)
GROUPS = (
    "A simulation of fewer language groups: the library of the table before. Each group is searched for its nearest "
    "passages (“depth”), these are re-ranked, compared with the group's runners-up, and merged. With fewer groups than "
    "languages, the last group has all languages but the first ones by the alphabet; “own” has two groups, the "
    "question's language and all others. “lost” is R@1 of a group for each language (the product) minus this"
)
SHARDS = (1, 2, 4, 16)
DEALS = (1, 2, 3)
"""Seeds of the deals."""
DIRECTIONS = ("L-en", "L-L", "library")
GROUP_COUNTS = (8, 4, 2, 1)


def search(texts: Texts, task: Task, index: SimulatedIndex, reranker: Reranker) -> Run:
    """The run of the shipped search over an index."""
    retriever = CrossLingualRetriever(encoder=texts.encoder, index=index, reranker=reranker)
    return {
        id_: {hit.passage.id: hit.score for hit in retriever.search(texts.query(query.text), HYBRID_DEPTH)}
        for id_, query in task.queries.items()
    }


class ShardedSearch:
    """The shipped search, with words in shards."""

    def __init__(self, texts: Texts, shards: int, seed: int) -> None:
        self.name = sharded_name(shards, seed)
        self._texts = texts
        self._shards = shards
        self._seed = seed

    def index(self, task: Task) -> SimulatedIndex:
        """The task's pool in shards."""
        return SimulatedIndex(self._texts.vectors, deal(task.passages, self._shards, self._seed))

    def rank(self, task: Task) -> Run:
        """See System."""
        return search(self._texts, task, self.index(task), self._texts)


class ShardedWordSearch(ShardedSearch):
    """BM25 alone, in shards, with the whole question."""

    def __init__(self, texts: Texts, shards: int, seed: int) -> None:
        super().__init__(texts, shards, seed)
        self.name = words_name(shards, seed)

    def rank(self, task: Task) -> Run:
        """See System."""
        index = self.index(task)
        return {id_: dict(index.matching(query.text, DEPTH)) for id_, query in task.queries.items()}


class GroupedSearch:
    """The shipped search, with at most `groups` language groups; None for the question's language and the others."""

    def __init__(self, texts: Texts, groups: int | None, *, is_shallow: bool) -> None:
        self.name = grouped_name(groups, is_shallow=is_shallow)
        self._texts = texts
        self._reranker: Reranker = ShallowTexts(texts) if is_shallow else texts
        self._groups = groups

    def rank(self, task: Task) -> Run:
        """See System."""
        languages = sorted({text.language for text in task.passages.values()})
        apart = [task.language] if self._groups is None else languages[: self._groups - 1]
        return search(self._texts, task, SimulatedIndex(self._texts.vectors, [task.passages], apart), self._reranker)


def sharded_name(shards: int, seed: int) -> str:
    """What the evaluation calls ShardedSearch."""
    return f"{shards} shards, deal {seed}"


def words_name(shards: int, seed: int) -> str:
    """What the evaluation calls ShardedWordSearch."""
    return f"words in {shards} shards, deal {seed}"


def grouped_name(groups: int | None, *, is_shallow: bool) -> str:
    """What the evaluation calls GroupedSearch."""
    return f"{groups or 'own'} groups, {'shallow' if is_shallow else 'deep'}"


def deals(shards: int) -> Sequence[int]:
    """One shard can be dealt in one way only."""
    return DEALS if shards > 1 else DEALS[:1]


def library_tasks(squad: ParallelSquad) -> list[Task]:
    """Questions against a library in all languages: articles with questions are in one language each, others in all."""
    tasks = squad_tasks(squad, ("mixed",))
    languages = dict(zip(squad.articles, itertools.cycle(squad.questions), strict=False))
    passages = {
        id_: text
        for id_, text in tasks[0].passages.items()
        if languages.get(document(id_).rpartition("@")[0], text.language) == text.language
    }
    return [
        replace(
            task,
            direction="library",
            pool="library",
            passages=passages,
            versions=None,
            qrels={query: {id_: 1 for id_ in rows if id_ in passages} for query, rows in task.qrels.items()},
        )
        for task in tasks
    ]


def mean_values(evaluation: Evaluation, systems: Sequence[str], direction: str, measure: str) -> list[float]:
    """The values of all languages' queries, each the mean of the systems."""
    values = [
        [value for rows in evaluation.by_language(system, direction, measure).values() for value in rows]
        for system in systems
    ]
    return [float(value) for value in np.mean(values, axis=0)]


def figures(evaluation: Evaluation, systems: Sequence[str], best: Sequence[str], direction: str) -> list[object]:
    """R@1 and nDCG@10 with their intervals, and what R@1 is below the best; the means of systems."""
    questions = evaluation.questions(direction)
    cells: list[object] = []
    for measure in ("R@1", "nDCG@10"):
        values = mean_values(evaluation, systems, direction, measure)
        cells += [float(np.mean(values)), *confidence_interval(values, questions)]
    if systems == best:
        return [*cells, None, None, None, None]
    first, best_first = (mean_values(evaluation, names, direction, "R@1") for names in (systems, best))
    lost = compare(best_first, first, questions)
    return [*cells, lost.difference, lost.low, lost.high, lost.p]


COLUMNS = ["R@1", "low", "high", "nDCG@10", "low", "high", "lost", "low", "high", "p"]


def sharding_rows(evaluation: Evaluation) -> list[list[object]]:
    """A row for each library and number of shards."""
    rows: list[list[object]] = []
    for direction, shards in itertools.product(evaluation.directions, SHARDS):
        systems, whole = ([sharded_name(n, seed) for seed in deals(n)] for n in (shards, SHARDS[0]))
        words = mean_values(evaluation, [words_name(shards, seed) for seed in deals(shards)], direction, "R@1")
        row = [direction, shards, *figures(evaluation, systems, whole, direction), float(np.mean(words))]
        rows.append(row)
    return rows


def group_rows(evaluation: Evaluation) -> list[list[object]]:
    """A row for each number of groups and depth."""
    product = [grouped_name(GROUP_COUNTS[0], is_shallow=False)]
    rows: list[list[object]] = []
    for groups, is_shallow in itertools.product((*GROUP_COUNTS, None), (False, True)):
        systems = [grouped_name(groups, is_shallow=is_shallow)]
        depth = (ShallowTexts if is_shallow else Texts).depth
        rows.append([groups or "own", depth, *figures(evaluation, systems, product, "library")])
    return rows


def by_language(evaluation: Evaluation) -> list[dict[str, object]]:
    """R@1 of each language, for the JSON."""
    return [
        {"in": direction, "shards": shards, "deal": seed}
        | {
            language: evaluation.mean(sharded_name(shards, seed), direction, language)
            for language in evaluation.languages(direction)
        }
        for direction in evaluation.directions
        for shards in SHARDS
        for seed in deals(shards)
    ]


def main() -> None:
    """Measure and publish both tables."""
    parse_no_arguments(__doc__)
    squad = default_split(read_squad(data_folder("xquad"))).test
    texts = Texts(build_encoder(load_settings()), squad_tasks(squad, ("mixed",))[0].passages)
    library = library_tasks(squad)
    systems: list[System] = [
        kind(texts, shards, seed)
        for shards in SHARDS
        for seed in deals(shards)
        for kind in (ShardedSearch, ShardedWordSearch)
    ]
    sharded = Evaluation(systems, [*squad_tasks(squad, DIRECTIONS[:2]), *library])
    grouped = Evaluation(
        [
            GroupedSearch(texts, groups, is_shallow=is_shallow)
            for groups in (*GROUP_COUNTS, None)
            for is_shallow in (False, True)
        ],
        library,
    )
    data, encoders = "XQuAD, 8 held-out articles", [texts.encoder]
    publish(
        "sharding",
        SHARDING,
        ["in", "shards", *COLUMNS, "words"],
        sharding_rows(sharded),
        data=data,
        seeds=DEALS,
        encoders=encoders,
        details={"by_language": by_language(sharded)},
    )
    publish("sharding-groups", GROUPS, ["groups", "depth", *COLUMNS], group_rows(grouped), data=data, encoders=encoders)


if __name__ == "__main__":
    main()

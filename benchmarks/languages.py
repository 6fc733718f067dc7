"""Are languages served alike, and is one preferred? Language preference, PEER, alignment and fairness.

`python -m benchmarks.languages [--questions 40] [--sentences 50] [--seed 1]`

XQuAD, the 8 articles that the aligned encoder was not trained on, the same `--questions` in each of 8 languages.
Preference: every passage is in the pool in all languages. Fairness: the pool is English. Alignment: the questions, and
`--sentences` of SIB-200 in 23 languages that XQuAD has not, beside their English originals. Three tables. Without the
data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import functools
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.low_resource import sib200_tasks
from benchmarks.report import data_folder, publish
from benchmarks.shared_index import shared_stages
from benchmarks.stages import base_and_aligned, default_split, sample
from rag.settings import load_settings
from retriever.data.sib200 import read_sib200
from retriever.data.squad import read_squad
from retriever.evaluation import Evaluation, System, Task
from retriever.evaluation.metrics import alignment, fairness, peer, preference
from retriever.evaluation.tasks import squad_tasks
from retriever.models.encoder import Encoder

PREFERENCE = (
    "Is the question's language preferred? XQuAD's passages in 8 languages in one pool. “right” is any version of the "
    "right passage first; “in its language” the share of first hits in the question's language (.125 without a "
    "preference; “least”, “most”: over the questions' languages); LPR the share of questions whose own version of the "
    "right passage is above all others, own-version nDCG@10 counts that version alone (MLAIRE's idea, our formulas). "
    "PEER@10 (arXiv 2405.00978): probability that the right article's passages have equal expected ranks in all "
    "languages; near 0 where a language is preferred"
)
ALIGNMENT = (
    "How near is a text to its English original, both embedded as queries? Back-retrieval is the share of texts that "
    "are mutual nearest neighbours with theirs, among so many; the anchoring error is the mean Euclidean distance of "
    "the unit vectors"
)
FAIRNESS = (
    "How evenly are languages served? R@1 of XQuAD's questions against 120 English passages. “p of equal languages”: "
    "Kruskal–Wallis over the questions' values, taken as independent between languages"
)
CUTOFF = 10
MEASURES = ("back-retrieval", "anchoring error")


def article_task(task: Task) -> Task:
    """The task with all passages of the right one's article as relevant, in all languages."""
    passages: dict[str, list[str]] = {}
    for id_ in task.passages:
        passages.setdefault(article(id_), []).append(id_)
    return replace(
        task,
        qrels={query: dict.fromkeys(passages[article(next(iter(rows)))], 1) for query, rows in task.qrels.items()},
    )


def article(passage_id: str) -> str:
    """The title in the id of a passage of XQuAD.

    >>> article("Normans#4@ro")
    'Normans'
    """
    return passage_id.rsplit("#", 1)[0]


def preference_rows(systems: Sequence[System], tasks: Sequence[Task]) -> list[list[object]]:
    """A row a system."""
    evaluation = Evaluation(systems, tasks)
    article_tasks = [article_task(task) for task in tasks]
    rows: list[list[object]] = []
    for system in evaluation.systems:
        runs = [(task, evaluation.runs[system, task.direction, task.language]) for task in tasks]
        measured = [preference(task, run) for task, run in runs]
        shares = [one.top_share for one in measured]
        right = [evaluation.mean(system, "mixed", task.language, "success@1") for task in tasks]
        means = [np.mean(values) for values in (right, shares)]
        own = [np.mean([one.lpr for one in measured]), np.mean([one.lang_ndcg for one in measured])]
        equal = np.mean([peer(task, run, CUTOFF) for task, (_, run) in zip(article_tasks, runs, strict=True)])
        rows.append([system, *map(float, means), min(shares), max(shares), *map(float, (*own, equal))])
    return rows


def alignment_rows(name: str, encoders: Sequence[Encoder], tasks: Sequence[Task]) -> list[list[object]]:
    """A row a language: both measures by each encoder."""
    rows: list[list[object]] = []
    for task in tasks:
        texts, originals = [query.text for query in task.queries.values()], list((task.originals or {}).values())
        measured = [alignment(one.encode_queries(texts), one.encode_queries(originals)) for one in encoders]
        row: list[object] = [name, task.language, len(texts)]
        rows.append([*row, *(one.back_retrieval for one in measured), *(one.anchoring_error for one in measured)])
    return rows


def fairness_rows(systems: Sequence[System], tasks: Sequence[Task]) -> list[list[object]]:
    """A row a system."""
    evaluation = Evaluation(systems, tasks)
    measured = {system: fairness(evaluation.by_language(system, "L-en")) for system in evaluation.systems}
    return [
        [system, fair.mean, fair.worst, fair.worst_language, fair.spread, fair.to_english, fair.kruskal_p]
        for system, fair in measured.items()
    ]


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--questions", type=int, default=40, help="questions of XQuAD")
    parser.add_argument("--sentences", type=int, default=50, help="sentences of SIB-200")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    squad = sample(default_split(read_squad(data_folder("xquad"))).test, arguments.questions, arguments.seed)
    sentences = read_sib200(data_folder("sib200"))
    base, aligned = base_and_aligned(load_settings())
    systems = shared_stages(aligned)
    publish_table = functools.partial(publish, seeds=[arguments.seed], encoders=[base, aligned])
    english = squad_tasks(squad, ("L-en",))
    columns = ["system", "mean", "worst", "worst language", "spread", "to English", "p of equal languages"]
    rows = fairness_rows(systems, english)
    publish_table("languages-fairness", FAIRNESS, columns, rows, data="XQuAD, 8 held-out articles")
    numbers = random.Random(arguments.seed).sample(sorted(sentences["en"]), arguments.sentences)
    encoders = [base, aligned]
    rows = alignment_rows("XQuAD", encoders, [task for task in english if task.language != "en"])
    rows += alignment_rows("SIB-200", encoders, sib200_tasks(sentences, numbers))
    columns = [
        "data",
        "language",
        "texts",
        *(f"{measure}, {name}" for measure in MEASURES for name in ("base", "aligned")),
    ]
    publish_table("languages-alignment", ALIGNMENT, columns, rows, data="XQuAD, SIB-200")
    columns = ["system", "right", "in its language", "least", "most", "LPR", "own-version nDCG@10", f"PEER@{CUTOFF}"]
    rows = preference_rows(systems, squad_tasks(squad, ("mixed",)))
    publish_table("languages-preference", PREFERENCE, columns, rows, data="XQuAD, 8 held-out articles")


if __name__ == "__main__":
    main()

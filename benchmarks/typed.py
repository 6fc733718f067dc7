"""Questions as people type them: in small letters, without question marks, without accents.

`python -m benchmarks.typed`

XQuAD, the 8 articles that the aligned encoder was not trained on, in the five languages that have capitals; the same
questions three times against the 120 English passages. The peer is benchmarks/peer.py. Without the data (ISTHMUS_DATA)
it says so and ends.
"""

import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace

from benchmarks.peer import LangChainRecipe
from benchmarks.report import DATA, publish
from benchmarks.stages import base_and_aligned, default_split, stages
from rag.settings import load_settings
from retriever.data.squad import read_squad
from retriever.evaluation import Evaluation, System, Task
from retriever.evaluation.metrics import compare, fairness
from retriever.evaluation.tasks import Text, squad_tasks

LANGUAGES = ["en", "de", "es", "ro", "ru"]


def small(text: str) -> str:
    """In small letters, without question marks."""
    return text.lower().replace("?", "").replace("¿", "").strip()


def plain(text: str) -> str:
    """In small letters, without question marks and accents."""
    parts = unicodedata.normalize("NFD", small(text).replace("ß", "ss"))
    return "".join(c for c in parts if not unicodedata.combining(c))


TYPINGS: dict[str, Callable[[str], str]] = {"as they are": str, "small letters": small, "no accents either": plain}


def typed(task: Task, name: str) -> Task:
    """The task with its questions typed so; the name is its direction."""
    queries = {id_: Text(TYPINGS[name](query.text), query.language) for id_, query in task.queries.items()}
    return replace(task, direction=name, queries=queries)


def main() -> None:
    """Measure and publish."""
    if not (DATA / "xquad").is_dir():
        sys.exit(f"XQuAD is not at {DATA / 'xquad'}; set ISTHMUS_DATA.")
    base, aligned = base_and_aligned(load_settings())
    systems: list[System] = [LangChainRecipe(base.folder), *stages(aligned, "aligned")]
    tasks = squad_tasks(default_split(read_squad(DATA / "xquad")).test, ("L-en",))
    chosen = sorted((t for t in tasks if t.language in LANGUAGES), key=lambda task: LANGUAGES.index(task.language))
    evaluation = Evaluation(systems, [typed(task, name) for name in TYPINGS for task in chosen])
    rows: list[list[object]] = []
    for system in systems:
        first: list[float] = []
        for name in TYPINGS:
            asked = evaluation.by_language(system.name, name)
            values = [value for own in asked.values() for value in own]
            against = compare(values, first) if first else None
            change = [f"{against.difference:+.3f}", against.p] if against else ["", ""]
            means = [evaluation.mean(system.name, name, language) for language in asked]
            rows.append([system.name, name, *means, fairness(asked).mean, *change])
            first = first or values
    record = {"data": "XQuAD, 8 held-out articles", **evaluation.as_dict()}
    publish("typed", ["system", "questions", *LANGUAGES, "mean", "difference", "p"], rows, record)


if __name__ == "__main__":
    main()

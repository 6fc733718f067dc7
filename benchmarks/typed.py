"""Questions as people type them: in small letters, without question marks, without accents.

`python -m benchmarks.typed`

XQuAD, the 8 articles that the aligned encoder was not trained on, in the five languages that have capitals; the same
questions three times against the 120 English passages. The peer is benchmarks/peer.py. Without the data (ISTHMUS_DATA)
it says so and ends.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import replace

from benchmarks.peer import LangChainRecipe
from benchmarks.report import data_folder, parse_no_arguments, publish
from benchmarks.stages import base_and_aligned, default_split, stages
from rag.settings import load_settings
from retriever.data.squad import read_squad
from retriever.evaluation import Evaluation, System, Task
from retriever.evaluation.metrics import compare, fairness
from retriever.evaluation.tasks import Text, squad_tasks

CAPTION = (
    "The same as people type: small letters without question marks, and no accents either; R@1, the difference is to "
    "the questions as they are"
)
LANGUAGES = ["en", "de", "es", "ro", "ru"]


def small_letters(text: str) -> str:
    """In small letters, without question marks.

    >>> small_letters("¿Qué es Córdoba?")
    'qué es córdoba'
    """
    return text.lower().replace("?", "").replace("¿", "").strip()


def without_accents(text: str) -> str:
    """In small letters, without question marks and accents.

    >>> without_accents("¿Qué es Córdoba?")
    'que es cordoba'
    """
    parts = unicodedata.normalize("NFD", small_letters(text).replace("ß", "ss"))
    return "".join(c for c in parts if not unicodedata.combining(c))


TYPINGS: dict[str, Callable[[str], str]] = {
    "as they are": str,
    "small letters": small_letters,
    "no accents either": without_accents,
}


def retyped(task: Task, typing: str) -> Task:
    """The task with its questions typed in one of the TYPINGS, whose name becomes its direction."""
    queries = {id_: Text(TYPINGS[typing](query.text), query.language) for id_, query in task.queries.items()}
    return replace(task, direction=typing, queries=queries)


def table_rows(evaluation: Evaluation, system: str) -> list[list[object]]:
    """A row a typing; the later ones are compared with the first."""
    rows: list[list[object]] = []
    first: list[float] = []
    for typing in TYPINGS:
        by_language = evaluation.by_language(system, typing)
        values = [value for language_values in by_language.values() for value in language_values]
        against = compare(values, first, evaluation.questions(typing)) if first else None
        comparison = [f"{against.difference:+.3f}", against.p] if against else ["", ""]
        means = [evaluation.mean(system, typing, language) for language in by_language]
        rows.append([system, typing, *means, fairness(by_language).mean, *comparison])
        first = first or values
    return rows


def main() -> None:
    """Measure and publish."""
    parse_no_arguments(__doc__)
    squad = read_squad(data_folder("xquad"))
    base, aligned = base_and_aligned(load_settings())
    systems: list[System] = [LangChainRecipe(base.folder), *stages(aligned, "aligned")]
    tasks = {task.language: task for task in squad_tasks(default_split(squad).test, ("L-en",))}
    evaluation = Evaluation(systems, [retyped(tasks[language], typing) for typing in TYPINGS for language in LANGUAGES])
    publish(
        "typed",
        CAPTION,
        ["system", "questions", *LANGUAGES, "mean", "difference", "p"],
        [row for system in evaluation.systems for row in table_rows(evaluation, system)],
        data="XQuAD, 8 held-out articles",
        encoders=[base, aligned],
    )


if __name__ == "__main__":
    main()

"""Names as the asker says them: does a question about Tuna, Dunărea or दान्यूब find the passage on the Danube?

`python -m benchmarks.names`

Twenty rivers, mountains, cities and persons in twelve languages, each with a question and an English passage, among
twenty passages on others of their kind, worded alike: our own text, in benchmarks/names.toml.
"""

import tomllib
from string import Template

from benchmarks.report import ROOT, parse_no_arguments, publish
from benchmarks.stages import base_and_aligned, stages
from rag.settings import load_settings
from retriever.evaluation import Evaluation, System, Task
from retriever.evaluation.tasks import Text

CAPTION = (
    "R@1 of a question with a name in the asker's language, 240 in twelve languages, among 40 English passages that "
    "only their names tell apart; “hybrid” is dense search and BM25, “isthmus” re-ranks it by the encoder's token "
    "vectors"
)


def tasks() -> list[Task]:
    """One task a language."""
    data = tomllib.loads((ROOT / "benchmarks" / "names.toml").read_text(encoding="utf-8"))
    passages = {str(number): Text(row["text"], "en") for number, row in enumerate(data["passages"])}
    names = {str(number): row for number, row in enumerate(data["passages"]) if "forms" in row}
    return [
        Task(
            "L-en",
            language,
            queries={
                f"{number}@{language}": Text(
                    Template(data["questions"][row["kind"]][language]).substitute(name=row["forms"][language]), language
                )
                for number, row in names.items()
            },
            pool="names",
            passages=passages,
            qrels={f"{number}@{language}": {number: 1} for number in names},
            originals={f"{number}@{language}": row["text"] for number, row in names.items()},
        )
        for language in data["questions"]["river"]
    ]


def main() -> None:
    """Measure and publish."""
    parse_no_arguments(__doc__)
    base, aligned = base_and_aligned(load_settings())
    systems: list[System] = [*stages(base, "base"), *stages(aligned, "aligned")]
    evaluation = Evaluation(systems, tasks())
    columns, rows = evaluation.table("L-en")
    publish("names", CAPTION, columns, rows, data="our own names and passages", encoders=[base, aligned])


if __name__ == "__main__":
    main()

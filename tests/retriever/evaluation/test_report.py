"""Systems compared over languages."""

from retriever.evaluation import Evaluation
from retriever.evaluation.tasks import Task, Text

LANGUAGES = ("ro", "hi", "th")


class Fixed:
    """Finds the same passage for every query."""

    def __init__(self, passage: str) -> None:
        self.name = f"finds {passage}"
        self._passage = passage

    def rank(self, task):
        return {id_: {self._passage: 1.0} for id_ in task.queries}


def test_the_translations_of_a_question_are_compared_as_one():
    """Two questions in three languages: of four pairs of signs two are as extreme; of 64 for queries, two are too."""
    passages = {name: Text(name, "en") for name in ("right", "wrong")}
    tasks = [
        Task(
            "L-en",
            language,
            {f"{language}-{n}": Text("?", language) for n in range(2)},
            "en",
            passages,
            {f"{language}-{n}": {"right": 1} for n in range(2)},
            originals={f"{language}-{n}": f"question {n}" for n in range(2)},
        )
        for language in LANGUAGES
    ]
    evaluation = Evaluation([Fixed("wrong"), Fixed("right")], tasks)
    assert evaluation.questions("L-en") == ["question 0", "question 1"] * 3
    assert evaluation.questions("L-en", "hi") == ["question 0", "question 1"]
    assert evaluation.against("finds right", "L-en").p == 2 / 4
    assert evaluation.against("finds right", "L-en", "ro").p == 2 / 4
    columns, rows = evaluation.table("L-en")
    assert dict(zip(columns, rows[1], strict=True))["p"] == 2 / 4

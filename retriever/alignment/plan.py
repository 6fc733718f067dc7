"""What `isthmus align` is asked for: the plan, and the data that it names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from retriever.alignment.data import Kind, ParallelText, Split, parallel_texts, split_articles
from retriever.alignment.methods.weighted import Sampling
from retriever.alignment.train import Recipe
from retriever.data.labelled import LabelledQuery, labelled_file, read_labelled
from retriever.data.pairs import Pair, read_pairs
from retriever.data.squad import ParallelSquad, read_squad
from retriever.errors import DataError

Method = Literal["late", "distill", "clear", "clear-distill", "mnrl", "weighted", "offset"]
SHARES: dict[Kind, float] = {"question": 0.4, "pair": 0.2, "name": 0.2, "english": 0.1, "piece": 0.1}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train, on what, and how. Fields with a default follow the papers, or our tables where those are silent.

    `data` are folders or files as `isthmus eval retrieval` reads them. Of parallel SQuAD, `test_articles` are kept for
    the report and `dev_articles` to choose by; `train_articles` trains on so many of the others, for learning curves.
    `in_batch`: weighted negatives beside those of the batch's other rows. `shares`: what distillation's rows are made
    of. `adapters` trains low-rank adapters of that rank in place of the weights. With `delta_rank` the model is the
    base plus a difference of that rank, written to delta.safetensors.
    """

    method: Method
    data: tuple[Path, ...]
    out: Path
    recipe: Recipe
    languages: tuple[str, ...] = ()
    negatives: int = 1
    alpha: float = 0.4
    beta: float = 0.2
    scale: float = 20.0
    sampling: Sampling = "mixed"
    in_batch: bool = True
    query_side: bool = False
    names: bool = False
    adapters: int | None = None
    delta_rank: int | None = None
    test_articles: int = 8
    dev_articles: int = 2
    train_articles: int | None = None
    shares: dict[Kind, float] = field(default_factory=lambda: dict(SHARES))

    @property
    def keeps_passages(self) -> bool:
        """Whether passages stay where the base puts them, and indexes valid. `late` ranks such passages."""
        return self.query_side or self.method == "late"


@dataclass(frozen=True, slots=True)
class Material:
    """What the data folders hold, divided into what is trained on and what is measured."""

    split: Split | None
    pairs: list[Pair]
    labelled: list[LabelledQuery]
    test_labelled: list[LabelledQuery]

    @property
    def train(self) -> ParallelSquad | None:
        """The parallel questions to train on."""
        return self.split.train if self.split else None

    @property
    def texts(self) -> list[ParallelText]:
        """Everything to train on that has an English original."""
        return parallel_texts(self.train, self.pairs, self.labelled)

    @property
    def watched(self) -> ParallelSquad | None:
        """The development questions, and all English ones outside the test: none is trained on, so they tell as well.

        None without questions to choose by.
        """
        if not self.split or not any(self.split.dev.questions.values()):
            return None
        english = self.split.train.questions["en"] + self.split.dev.questions["en"]
        return ParallelSquad({**self.split.dev.questions, "en": english}, self.split.dev.passages)


def read_material(plan: Plan) -> Material:
    """Read every data folder; only the plan's languages are trained on, all are measured. Raises DataError."""
    split, pairs, labelled, held = None, list[Pair](), list[LabelledQuery](), list[LabelledQuery]()
    for path in plan.data:
        if not path.exists():
            raise DataError(f"{path} does not exist.")
        if path.is_dir() and any(path.glob("*.json")):
            squad = read_squad(path)
            if "en" not in squad.questions:
                raise DataError(f"{path} has no English file (NAME.en.json) to align the others with.")
            whole = split_articles(
                squad,
                test=plan.test_articles,
                dev=plan.dev_articles,
                train=plan.train_articles,
                seed=plan.recipe.seed,
            )
            split = Split(_in_languages(whole.train, plan.languages), whole.dev, whole.test)
        elif base := labelled_file(path, "train"):
            labelled += read_labelled(base)
            tests = [file for name in ("test", "validation") if (file := labelled_file(path, name))]
            held += [row for file in tests for row in read_labelled(file)]
        else:
            pairs += read_pairs(path)
    wanted = [pair for pair in pairs if not plan.languages or pair.language in plan.languages]
    if plan.languages and plan.method != "weighted":
        labelled = [row for row in labelled if row.language in plan.languages]
    return Material(split, wanted, labelled, held)


def _in_languages(squad: ParallelSquad, languages: Sequence[str]) -> ParallelSquad:
    kept = [language for language in squad.questions if not languages or language in languages or language == "en"]
    return ParallelSquad(
        {language: squad.questions[language] for language in kept},
        {language: squad.passages[language] for language in kept},
    )

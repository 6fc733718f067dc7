"""What `isthmus align` is to train, and the data that it names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retriever.alignment.data import Material, Split, split_articles
from retriever.alignment.methods.lira import Lira
from retriever.alignment.methods.offset import Offset
from retriever.alignment.methods.protocol import TrainedMethod
from retriever.alignment.recipe import Recipe
from retriever.data.labelled import LabelledQuery, labelled_file, read_labelled
from retriever.data.pairs import Pair, read_pairs
from retriever.data.squad import ParallelSquad, read_squad
from retriever.errors import DataError


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train, on what, and how.

    `data` are folders or files as `isthmus eval retrieval` reads them. `languages` are those to train on; none means
    all. Of parallel SQuAD, `test_articles` are held out for the report and `dev_articles` to select weights by;
    `train_articles` limits the others, for learning curves. `adapters` trains low-rank adapters of that rank in place
    of the weights. With `delta_rank` the model is the base plus a difference of that rank, written to
    delta.safetensors.
    """

    method: TrainedMethod | Offset | Lira
    data: tuple[Path, ...]
    out: Path
    recipe: Recipe
    languages: tuple[str, ...] = ()
    adapters: int | None = None
    delta_rank: int | None = None
    test_articles: int = 8
    dev_articles: int = 2
    train_articles: int | None = None


def read_material(plan: Plan) -> Material:
    """Read every data folder; only the plan's languages are trained on, all are measured. Raises DataError."""
    split, pairs, labelled, test_labelled = None, list[Pair](), list[LabelledQuery](), list[LabelledQuery]()
    for path in plan.data:
        if not path.exists():
            raise DataError(f"{path} does not exist.")
        if path.is_dir() and any(path.glob("*.json")):
            split = _read_split(path, plan)
        elif train_file := labelled_file(path, "train"):
            labelled += read_labelled(train_file)
            test_files = [file for name in ("test", "validation") if (file := labelled_file(path, name))]
            test_labelled += [row for file in test_files for row in read_labelled(file)]
        else:
            pairs += read_pairs(path)
    if plan.languages:
        pairs = [pair for pair in pairs if pair.language in plan.languages]
        if not plan.method.uses_all_labelled:
            labelled = [row for row in labelled if row.language in plan.languages]
    return Material(split, pairs, labelled, test_labelled)


def _read_split(folder: Path, plan: Plan) -> Split:
    """The articles of a folder of parallel SQuAD, divided; to train on only the plan's languages and English."""
    squad = read_squad(folder)
    if "en" not in squad.questions:
        raise DataError(f"{folder} has no English file (NAME.en.json) to align the others with.")
    split = split_articles(
        squad, test=plan.test_articles, dev=plan.dev_articles, train=plan.train_articles, seed=plan.recipe.seed
    )
    return Split(_in_languages(split.train, plan.languages), split.dev, split.test)


def _in_languages(squad: ParallelSquad, languages: Sequence[str]) -> ParallelSquad:
    codes = [code for code in squad.questions if not languages or code in languages or code == "en"]
    return ParallelSquad(
        {code: squad.questions[code] for code in codes}, {code: squad.passages[code] for code in codes}
    )

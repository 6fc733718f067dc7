"""Results of items, and the folder that keeps them: plan.json, and one line of items.jsonl for each."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol, TypeVar

from tqdm import tqdm

from rag.evaluation.plan import TemporalPlan
from rag.evaluation.scores import AnswerScore
from rag.generation.engine import Message
from retriever.errors import DataError

ITEMS = "items.jsonl"

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R", bound="RecordedItem")
Prompt = str | list[Message]
"""A text to complete, or a conversation."""


@dataclass(frozen=True, slots=True)
class ItemResult:
    """An item with its prompt, and either the answer and its score, or the error of the generator.

    `id` is the question's, `question` its text in the language; `demonstrations` are ids, the best first. `hinted` says
    whether the prompt gives a month away: that of an L1 answer in a demonstration's answer, or the one that an L2
    question asks for in a fact.
    """

    key: str
    task: str
    language: str
    selector: str
    id: str
    question: str
    gold_answers: tuple[str, ...]
    demonstrations: tuple[str, ...]
    prompt: Prompt
    hinted: bool = False
    answer: str | None = None
    error: str | None = None
    score: AnswerScore | None = None

    def to_json(self) -> str:
        """One line of items.jsonl, without its line end."""
        outcome = {"error": self.error} if self.score is None else {"answer": self.answer, **asdict(self.score)}
        row = {
            "key": self.key,
            "task": self.task,
            "language": self.language,
            "selector": self.selector,
            "id": self.id,
            "question": self.question,
            "right": self.gold_answers,
            "shown": self.demonstrations,
            "prompt": self.prompt,
            "hinted": self.hinted,
            **outcome,
        }
        return json.dumps(row, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "ItemResult":
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError for anything else."""
        row = json.loads(line)
        has_failed = "error" in row
        return cls(
            key=row["key"],
            task=row["task"],
            language=row["language"],
            selector=row["selector"],
            id=row["id"],
            question=row["question"],
            gold_answers=tuple(row["right"]),
            demonstrations=tuple(row["shown"]),
            prompt=row["prompt"],
            hinted=row["hinted"],
            answer=None if has_failed else row["answer"],
            error=row["error"] if has_failed else None,
            score=None if has_failed else AnswerScore(**{field.name: row[field.name] for field in fields(AnswerScore)}),
        )


def open_folder(plan: TemporalPlan, folder: Path) -> dict[str, ItemResult]:
    """Write the plan into the folder, and return the results that are there already, by key.

    Raises DataError if the folder holds another plan, or a line that is no item.
    """
    write_plan(asdict(plan), folder)
    return read_results(folder)


def write_plan(plan: Mapping[str, object], folder: Path) -> None:
    """Make the folder and write its plan.json. Raises DataError if it holds another plan."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plan.json"
    text = json.dumps(plan, ensure_ascii=False, indent=1) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise DataError(f"{folder} holds another evaluation (plan.json); name another folder or delete it.")
    path.write_text(text, encoding="utf-8")


def read_complete_lines(path: Path) -> list[str]:
    """The lines of a file, none if it is missing.

    A last line without an end, which a killed run leaves behind, is cut off the file.
    """
    if not path.is_file():
        return []
    data = path.read_bytes()
    complete_lines = data[: data.rfind(b"\n") + 1]
    if len(complete_lines) < len(data):
        with path.open("r+b") as file:
            file.truncate(len(complete_lines))
    return complete_lines.decode("utf-8").splitlines()


def read_items(path: Path, parse: Callable[[str], T]) -> list[T]:
    """The items of a file of lines, in their order. Raises DataError for a line that is no item."""
    items = []
    for number, line in enumerate(read_complete_lines(path), start=1):
        try:
            items.append(parse(line))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: not an item of an evaluation ({error}).") from error
    return items


def read_results(folder: Path) -> dict[str, ItemResult]:
    """The results in a folder by key; the last line of a key counts. Raises DataError for a line that is no item."""
    return {result.key: result for result in read_items(folder / ITEMS, ItemResult.from_json)}


class RecordedItem(Protocol):
    """What becomes a line of items.jsonl."""

    def to_json(self) -> str:
        """The line, without its end."""
        ...


def record_items(
    tasks: Sequence[S], work: Callable[[S], Sequence[R]], folder: Path, *, in_flight: int, total: int
) -> Iterator[R]:
    """The items that the work on each task makes, `total` in all, as they come; several tasks are in flight at a time.

    Each is written to the folder's items.jsonl first, through to the disk. If one raises, those that wait are left out.
    """
    writing = threading.Lock()
    with (folder / ITEMS).open("a", encoding="utf-8") as file, ThreadPoolExecutor(in_flight) as threads:

        def work_and_record(task: S) -> Sequence[R]:
            items = work(task)
            with writing:
                file.writelines(item.to_json() + "\n" for item in items)
                file.flush()
                os.fsync(file.fileno())
            return items

        futures = [threads.submit(work_and_record, task) for task in tasks]
        try:
            with tqdm(total=total, desc="Questions", disable=None) as progress:
                for future in as_completed(futures):
                    items = future.result()
                    progress.update(len(items))
                    yield from items
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise

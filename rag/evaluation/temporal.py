"""Batch evaluation of questions about time: selectors of demonstrations under one generator, item by item.

Every item is one line of items.jsonl: prompt, answer, scores. What is there is not asked again, so an evaluation that
was killed goes on where it was, and loses and repeats nothing. An item that failed is recorded as failed and asked
again the next time. Where selectors chose the same, the prompt is asked once.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from rag.errors import GeneratorError
from rag.evaluation.scores import score_answer
from rag.generation.client import ChatClient
from rag.generation.engine import Engine, Message
from rag.generation.few_shot import PromptStyle, chat_prompt, completion_prompt, gold_text
from retriever.errors import DataError, IsthmusError
from retriever.temporal.demonstrations import TemporalSplit
from retriever.temporal.questions import TaskName, TemporalQuestion, write_question
from retriever.temporal.selectors import SHOTS, Selector, top_k

EvidenceSetting = Literal["closed", "facts", "rag"]
"""No help; the subject's facts given; passages found by search in a library of facts."""
MAX_TOKENS = 30
ITEMS = "items.jsonl"

FactSource = Callable[[TemporalQuestion, str], Sequence[str]]
"""What is put into the prompt of a question in a language."""


@dataclass(frozen=True, slots=True)
class TemporalPlan:
    """What is asked: `questions` of each task in each language, for each selector, `shots` demonstrations each."""

    tasks: tuple[TaskName, ...]
    languages: tuple[str, ...]
    selectors: tuple[str, ...]
    questions: int
    pool: int
    setting: EvidenceSetting = "closed"
    style: PromptStyle = "chat"
    shots: int = SHOTS
    seed: int = 1
    generator: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One question to one generator."""

    language: str
    selector: str
    question: TemporalQuestion
    shown: tuple[TemporalQuestion, ...]

    @property
    def task(self) -> TaskName:
        """The question's."""
        return self.question.task

    @property
    def key(self) -> str:
        """What tells it from all others of an evaluation."""
        return f"{self.task}/{self.language}/{self.selector}/{self.question.id}"


def evaluable(engine: Engine) -> ChatClient:
    """The engine, if a batch can be put to it. Raises IsthmusError if not."""
    if not isinstance(engine, ChatClient):
        raise IsthmusError(f"{engine.label} cannot be evaluated; set generator to embedded, vllm or endpoint.")
    return engine


def plan_items(plan: TemporalPlan, split: TemporalSplit, selectors: Sequence[Selector]) -> Iterator[Item]:
    """All items; a question's selectors follow each other, so that what was broken off can be compared all the same."""
    for task in plan.tasks:
        asked, pool = ([q for q in side if q.task == task] for side in (split.asked, split.pool))
        for language in plan.languages:
            picks = {
                selector.name: top_k(selector.scores(asked, pool, language), plan.shots).tolist()
                for selector in selectors
            }
            for number, question in enumerate(asked):
                for name, rows in picks.items():
                    yield Item(language, name, question, tuple(pool[n] for n in rows[number]))


def evaluate_items(
    plan: TemporalPlan,
    split: TemporalSplit,
    selectors: Sequence[Selector],
    engine: ChatClient,
    folder: Path,
    *,
    facts: FactSource | None = None,
    in_flight: int = 8,
) -> list[dict[str, Any]]:
    """Ask what has not been asked yet and return the lines of all items, failed ones without scores.

    Raises DataError if the folder holds another evaluation.
    """
    done = _begin(plan, folder)
    answered = {_text(line): line["answer"] for line in done.values() if "answer" in line}
    pending: dict[str, list[dict[str, Any]]] = {}
    for item in plan_items(plan, split, selectors):
        if "error" in done.get(item.key, {"error": ""}):
            line = _line(item, plan.style, facts)
            pending.setdefault(_text(line), []).append(line)
    writing = threading.Lock()
    with (folder / ITEMS).open("a", encoding="utf-8") as file, ThreadPoolExecutor(in_flight) as threads:

        def run(text: str, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
            told = {"answer": answered[text]} if text in answered else _ask(lines[0]["prompt"], engine)
            whole = [_scored({**line, **told}) for line in lines]
            with writing:
                file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in whole)
                file.flush()
                os.fsync(file.fileno())
            return whole

        futures = [threads.submit(run, text, lines) for text, lines in pending.items()]
        try:
            with tqdm(total=sum(map(len, pending.values())), desc="Questions", disable=None) as shown:
                for future in as_completed(futures):
                    lines = future.result()
                    done.update((line["key"], line) for line in lines)
                    shown.update(len(lines))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return list(done.values())


def read_items(folder: Path) -> dict[str, dict[str, Any]]:
    """The lines of an evaluation by key, the last of each; a line that was being written when it was killed is cut off.

    Raises DataError for a line that is no item.
    """
    path = folder / ITEMS
    if not path.is_file():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    found: dict[str, dict[str, Any]] = {}
    for number, text in enumerate(whole.decode("utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            found[line["key"]] = line
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: not an item of an evaluation ({error}).") from error
    return found


def _begin(plan: TemporalPlan, folder: Path) -> dict[str, dict[str, Any]]:
    """Note what the folder evaluates, and read what is done."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "plan.json"
    text = json.dumps(asdict(plan), ensure_ascii=False, indent=1) + "\n"
    if note.is_file() and note.read_text(encoding="utf-8") != text:
        raise DataError(f"{folder} holds another evaluation (plan.json); name another folder or delete it.")
    note.write_text(text, encoding="utf-8")
    return read_items(folder)


def _line(item: Item, style: PromptStyle, facts: FactSource | None) -> dict[str, Any]:
    """An item's line before it is asked."""
    question, language = item.question, item.language
    given = facts(question, language) if facts else ()
    return {
        "key": item.key,
        "task": item.task,
        "language": language,
        "selector": item.selector,
        "id": question.id,
        "question": write_question(question.content, language),
        "right": [gold_text(question, language)] if item.task == "l1" else list(question.answers),
        "shown": [one.id for one in item.shown],
        "prompt": (completion_prompt if style == "completion" else chat_prompt)(question, item.shown, language, given),
    }


def _text(line: Mapping[str, Any]) -> str:
    """The prompt as one text: selectors often agree, and a greedy answer to the same prompt is the same."""
    return json.dumps(line["prompt"], ensure_ascii=False)


def _ask(prompt: str | list[Message], engine: ChatClient) -> dict[str, str]:
    try:
        if isinstance(prompt, str):
            return {"answer": engine.complete(prompt, max_tokens=MAX_TOKENS)}
        return {"answer": "".join(engine.stream(prompt, max_tokens=MAX_TOKENS))}
    except GeneratorError as error:
        return {"error": str(error)}


def _scored(line: dict[str, Any]) -> dict[str, Any]:
    if "error" in line:
        return line
    return {**line, **asdict(score_answer(line["answer"], line["right"], line["language"], month=line["task"] == "l1"))}


def values_by_selector(
    lines: Sequence[Mapping[str, Any]], measure: str
) -> dict[tuple[str, str, str], dict[str, float]]:
    """(task, language, selector) -> question -> value, of the items that did not fail."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for line in lines:
        if "error" not in line:
            found.setdefault((line["task"], line["language"], line["selector"]), {})[line["id"]] = line[measure]
    return found

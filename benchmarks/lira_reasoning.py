"""Does better anchored input help the generator reason? XCOPA by probabilities, MGSM by answers.

Each question is asked native, as the translation that the encoder prefers, as one at random, and native beside the
preferred one. Translations are the generator's, by two prompts: the product's, and one that has it translate as part of
a chat. They are its own, so a generator that does not know a language cannot help itself: that is what is measured.
"""

import contextlib
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.lira_data import DATA_SEED
from benchmarks.lira_work import Work, digest
from benchmarks.report import publish
from prompts import load_prompt
from rag.build import build_engine
from rag.errors import GeneratorError
from rag.generation.engine import Engine, complete
from rag.settings import load_settings
from retriever.data.mgsm import Sum, read_mgsm
from retriever.data.xcopa import CausalQuestion, read_xcopa
from retriever.evaluation.metrics import compare, confidence_interval
from retriever.languages.locales import english_name

CAUSAL, SUMS = 8, 2
"""Questions a language of XCOPA and of MGSM."""
SUM_TOKENS, TRANSLATION_TOKENS = 220, 160
WAYS = ("native", "preferred translation", "random translation", "native and preferred")
_NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's language and id, and whether the generator was right, for each of WAYS."""

    language: str
    id: str
    right: tuple[bool, ...]


def reasoning(work: Work, seeds: Sequence[int]) -> None:
    """The table `lira-reasoning`."""
    with contextlib.closing(build_engine(load_settings())) as engine:
        asked = {
            "XCOPA": [_ask_causal(work, engine, question) for question in tqdm(_causal_questions(work.data / "xcopa"))],
            "MGSM": [_ask_sum(work, engine, one) for one in tqdm(_sums(work.data / "mgsm"))],
        }
        label = engine.label
    table: list[list[object]] = []
    for name, rows in asked.items():
        native = [float(row.right[0]) for row in rows]
        ids = [row.id for row in rows]
        for place, way in enumerate(WAYS):
            values = [float(row.right[place]) for row in rows]
            interval, difference = confidence_interval(values, ids), compare(values, native, ids)
            cells = (difference.difference, difference.low, difference.high, difference.p)
            table.append(
                [name, way, len(rows), len({row.language for row in rows}), np.mean(values), *interval, *cells]
            )
    publish(
        "lira-reasoning",
        f"Right answers of {label}, with 95 % intervals by question",
        ["data", "question", "asked", "languages", "right", "low", "high", "less native", "low ", "high ", "p"],
        table,
        data="XCOPA, MGSM",
        seeds=[DATA_SEED],
        encoders=[work.encoder],
        details={"generator": label},
    )


def _causal_questions(folder: Path) -> list[CausalQuestion]:
    """The same questions in each language, half of them with the first choice right."""
    files = [read_xcopa(file) for file in sorted(folder.glob("val.*.jsonl"))]
    ids = {label: [question.id for question in files[0] if question.label == label] for label in (0, 1)}
    rng = random.Random(DATA_SEED)
    drawn = {id_ for label in (0, 1) for id_ in rng.sample(ids[label], CAUSAL // 2)}
    return [question for questions in files for question in questions if question.id in drawn]


def _sums(folder: Path) -> list[Sum]:
    """The same sums in each language but English."""
    files = [read_mgsm(file) for file in sorted(folder.glob("mgsm_*.tsv")) if file.stem != "mgsm_en"]
    drawn = set(random.Random(DATA_SEED).sample([one.id for one in files[0]], SUMS))
    return [one for sums in files for one in sums if one.id in drawn]


def _ask_causal(work: Work, engine: Engine, question: CausalQuestion) -> Asked:
    """Asked by the probabilities of A and B."""
    text = f"{question.premise}\nA: {question.choices[0]}\nB: {question.choices[1]}"
    what = "the cause of it" if question.relation == "cause" else "its effect"

    def is_right(shown: str) -> bool:
        prompt = f"{shown}\n\nThe first line tells what happened. Which is more likely {what}? Answer A or B."
        first, second = engine.choice_logprobs([{"role": "user", "content": prompt}], ("A", "B"))
        return (second > first) == bool(question.label)

    return _ask(work, engine, question.language, f"xcopa {question.id}", text, is_right)


def _ask_sum(work: Work, engine: Engine, one: Sum) -> Asked:
    """Asked by the last number of the answer."""

    def is_right(shown: str) -> bool:
        prompt = f"{shown}\n\nSolve this step by step in English, in few words. End with: The answer is NUMBER."
        return last_number(complete(engine, [{"role": "user", "content": prompt}], max_tokens=SUM_TOKENS)) == one.answer

    return _ask(work, engine, one.language, f"mgsm {one.id}", one.text, is_right)


def _ask(work: Work, engine: Engine, language: str, id_: str, text: str, is_right: Callable[[str], bool]) -> Asked:
    """Each of WAYS once; what was asked is kept in the work folder."""

    def ask() -> dict[str, Any]:
        candidates = translations(engine, text, language)
        vectors = work.encoder.encode_queries(candidates)
        preferred = candidates[int((vectors @ work.encoder.encode_queries([text])[0]).argmax())]
        drawn = random.Random(f"{DATA_SEED} {language} {id_}").choice(candidates)
        answers: dict[str, bool] = {}
        for shown in (text, preferred, drawn, f"{text}\n\nIn English:\n{preferred}"):
            if shown not in answers:
                answers[shown] = is_right(shown)
        return {"right": [answers[shown] for shown in (text, preferred, drawn, f"{text}\n\nIn English:\n{preferred}")]}

    name = f"reasoning-{engine.label}-{language}-{id_}-{digest(text)}.answer".replace("/", "-")
    kept: Mapping[str, Any] = work.keep(name, ask)
    return Asked(language, id_, tuple(kept["right"]))


def translations(engine: Engine, text: str, language: str) -> list[str]:
    """The generator's English translations of a text by two prompts; the text itself where it writes none."""
    plain = f"Text in {english_name(language)}:\n{text}\n\nThe same text in English, line by line:"
    written = []
    for messages in (load_prompt("translate", "en").messages(text=text), [{"role": "user", "content": plain}]):
        try:
            written.append(complete(engine, messages, max_tokens=TRANSLATION_TOKENS))
        except GeneratorError:
            written.append("")
    return [translation or text for translation in written]


def last_number(text: str) -> float | None:
    """The last number in a text; None if there is none.

    >>> last_number("18 - 3 is 15. The answer is $1,015.00.")
    1015.0
    """
    numbers = _NUMBER.findall(text)
    return float(numbers[-1].replace(",", "").rstrip(".")) if numbers else None

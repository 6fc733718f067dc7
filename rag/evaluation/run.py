"""Run an evaluation of questions about time: demonstrations of several selectors under one generator, item by item.

Each item becomes one line of items.jsonl as soon as it is answered. A run that was killed continues where it stopped:
it loses no answer and asks for none twice. An item that failed is recorded with its error, and the next run tries it
again. Items with the same prompt share one answer.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.build import EngineSource
from rag.errors import GeneratorError
from rag.evaluation.facts import FactSource, open_fact_source
from rag.evaluation.plan import Item, TemporalPlan, plan_items
from rag.evaluation.report import TemporalReport
from rag.evaluation.results import ItemResult, Prompt, open_folder, record_items
from rag.evaluation.scores import score_answer
from rag.generation.engine import Engine
from rag.generation.few_shot import PromptStyle, chat_prompt, completion_prompt
from rag.settings import Settings
from retriever.errors import IsthmusError
from retriever.models.protocols import QueryEncoder
from retriever.temporal.demonstrations import TemporalSplit, share_answer_month, split_questions
from retriever.temporal.facts import FactSplit, facts_from_questions, names_month, split_around_facts
from retriever.temporal.questions import Fact, TemporalQuestion, write_question
from retriever.temporal.selectors import Selector, SimilaritySelector, all_selectors

MAX_TOKENS = 30
"""Length of an answer."""


def run_temporal(
    plan: TemporalPlan,
    questions: Sequence[TemporalQuestion],
    *,
    encoder: QueryEncoder,
    tuned: Mapping[str, QueryEncoder],
    engine: EngineSource,
    settings: Settings,
    folder: Path,
    facts: Sequence[Fact] = (),
    in_flight: int = 8,
) -> TemporalReport:
    """Carry out a plan, or the rest of it, and write its report into the folder.

    `questions` are divided into those to ask and the pool of demonstrations. `facts` are known ones for the settings
    that have some; without any they are read off the answers to the questions. `encoder` is the untuned one, `tuned`
    are CLiTSSA's by name. The engine opens once all else is in order, and stays open; the plan takes its label.
    `settings` open the library of "rag". `in_flight` prompts are with the engine at a time.

    Raises DataError for too few questions or facts or a folder that holds another plan, IsthmusError for an unknown
    selector, and GeneratorError if the engine does not open.
    """
    split, asked_facts = _split(plan, questions, facts or facts_from_questions(questions))
    selectors = _select(candidate_selectors(encoder, tuned, plan.seed), plan.selectors)
    generator = engine()
    plan = replace(plan, generator=generator.label)
    with open_fact_source(plan.setting, asked_facts, settings, folder) as source:
        results = evaluate_items(plan, split, selectors, generator, folder, facts=source, in_flight=in_flight)
    report = TemporalReport(plan, results)
    report.save(folder)
    return report


def _split(plan: TemporalPlan, questions: Sequence[TemporalQuestion], facts: Sequence[Fact]) -> FactSplit:
    """The division of a plan's setting, and the facts that it may put into prompts."""
    if plan.setting == "closed":
        return FactSplit(split_questions(questions, pool=plan.pool, questions=plan.questions, seed=plan.seed), [])
    return split_around_facts(questions, facts, pool=plan.pool, questions=plan.questions, seed=plan.seed)


def candidate_selectors(encoder: QueryEncoder, tuned: Mapping[str, QueryEncoder], seed: int = 1) -> list[Selector]:
    """The selectors that a plan may name: all that are compared, and the in-language oracle."""
    return [*all_selectors(encoder, tuned, seed), SimilaritySelector(encoder, "oracle", translated_pool=True)]


def evaluate_items(
    plan: TemporalPlan,
    split: TemporalSplit,
    selectors: Sequence[Selector],
    engine: Engine,
    folder: Path,
    *,
    facts: FactSource | None = None,
    in_flight: int = 8,
) -> list[ItemResult]:
    """Answer the items that have no answer in the folder yet, and return the results of all.

    Raises DataError if the folder holds another plan.
    """
    results = open_folder(plan, folder)
    answers = {_prompt_key(result.prompt): result.answer for result in results.values() if result.answer is not None}
    answered_keys = {key for key, result in results.items() if result.answer is not None}
    pending_items = [item for item in plan_items(plan, split, selectors) if item.key not in answered_keys]
    groups = _group_by_prompt(pending_items, plan.style, facts)

    def answer_group(group: PromptGroup) -> list[ItemResult]:
        return _answer_group(group, engine, answers.get(_prompt_key(group.prompt)))

    for result in record_items(groups, answer_group, folder, in_flight=in_flight, total=len(pending_items)):
        results[result.key] = result
    return list(results.values())


@dataclass(frozen=True, slots=True)
class PromptGroup:
    """A prompt and the items that share it: selectors often agree, and decoding is greedy.

    `hinted` says whether the prompt gives a month away (see ItemResult).
    """

    prompt: Prompt
    hinted: bool
    items: list[Item]


def _group_by_prompt(items: Sequence[Item], style: PromptStyle, facts: FactSource | None) -> list[PromptGroup]:
    groups: dict[str, PromptGroup] = {}
    for item in items:
        fact_texts = facts(item.question, item.language) if facts else ()
        build = completion_prompt if style == "completion" else chat_prompt
        prompt = build(item.question, item.demonstrations, item.language, fact_texts)
        hinted = names_month(item.question, fact_texts) or any(
            share_answer_month(item.question, demonstration) for demonstration in item.demonstrations
        )
        groups.setdefault(_prompt_key(prompt), PromptGroup(prompt, hinted, [])).items.append(item)
    return list(groups.values())


def _prompt_key(prompt: Prompt) -> str:
    return json.dumps(prompt, ensure_ascii=False)


def _answer_group(group: PromptGroup, engine: Engine, answer: str | None) -> list[ItemResult]:
    """The results of a group; `answer` is the prompt's answer if an earlier run has it."""
    error = None
    if answer is None:
        try:
            answer = _generate(group.prompt, engine)
        except GeneratorError as failure:
            error = str(failure)
    return [_score_item(item, group, answer, error) for item in group.items]


def _generate(prompt: Prompt, engine: Engine) -> str:
    if isinstance(prompt, str):
        return engine.complete(prompt, max_tokens=MAX_TOKENS)
    return "".join(engine.stream(prompt, max_tokens=MAX_TOKENS))


def _score_item(item: Item, group: PromptGroup, answer: str | None, error: str | None) -> ItemResult:
    is_month = item.task == "l1"
    return ItemResult(
        key=item.key,
        task=item.task,
        language=item.language,
        selector=item.selector,
        id=item.question.id,
        question=write_question(item.question.content, item.language),
        gold_answers=item.gold_answers,
        demonstrations=tuple(question.id for question in item.demonstrations),
        prompt=group.prompt,
        hinted=group.hinted,
        answer=answer,
        error=error,
        score=None if answer is None else score_answer(answer, item.gold_answers, item.language, is_month=is_month),
    )


def _select(selectors: Sequence[Selector], names: Sequence[str]) -> list[Selector]:
    """The selectors of these names, in their own order. Raises IsthmusError for a name that is not there."""
    known_names = [selector.name for selector in selectors]
    for name in names:
        if name not in known_names:
            raise IsthmusError(f"{name!r} is none of the selectors: {', '.join(known_names)}.")
    return [selector for selector in selectors if selector.name in names]

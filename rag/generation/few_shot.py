"""X-ICL prompts: a question in any language after solved questions in English (CLiTSSA, arXiv 2412.08090)."""

from collections.abc import Sequence
from typing import Literal

from prompts import load_prompt
from rag.generation.engine import Message
from retriever.temporal import arithmetic
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.questions import TemporalQuestion, write_question

PromptStyle = Literal["completion", "chat"]
"""One text that the model goes on with; or each demonstration a turn of a conversation."""


def completion_prompt(
    question: TemporalQuestion, shown: Sequence[TemporalQuestion], language: str, facts: Sequence[str] = ()
) -> str:
    """The paper's prompt: a head in the language, English demonstrations, what to do, facts if given, the question."""
    own = load_prompt("temporal", language)
    asked = f"{_question(question, language)}\n{_cue(question, language)}"
    demonstrations = [f"{_question(one, 'en')}\n{_cue(one, 'en')} {gold_text(one, 'en')}." for one in shown]
    parts = [own.texts["head"], *demonstrations] if shown else []
    return "\n\n".join([*parts, own.texts["tail"], *_facts(facts, language), asked])


def chat_prompt(
    question: TemporalQuestion, shown: Sequence[TemporalQuestion], language: str, facts: Sequence[str] = ()
) -> list[Message]:
    """The same as a conversation: what to do is the system message, a demonstration is a turn each way."""
    own = load_prompt("temporal", language)
    system = f"{own.texts['head']} {own.texts['tail']}" if shown else own.texts["tail"]
    messages = [
        {"role": "system", "content": system},
        *(message for one in shown for message in demonstration_turns(one)),
    ]
    last = "\n\n".join([*_facts(facts, language), f"{_question(question, language)}\n{_cue(question, language)}"])
    return [*messages, {"role": "user", "content": last}]


def demonstration_turns(question: TemporalQuestion) -> list[Message]:
    """A demonstration: an English question and its answer, a turn each."""
    return [
        {"role": "user", "content": f"{_question(question, 'en')}\n{_cue(question, 'en')}"},
        {"role": "assistant", "content": f"{gold_text(question, 'en')}."},
    ]


def gold_text(question: TemporalQuestion, language: str) -> str:
    """The right answers in one line: "A, B and C"; a month as the language writes it, in English as TempReason does."""
    if isinstance(question.content, MonthShift) and language != "en":
        return arithmetic.format_month(question.content.result, language)
    *others, last = question.answers
    return f"{', '.join(others)} and {last}" if others else last


def _question(question: TemporalQuestion, language: str) -> str:
    return load_prompt("temporal", language).render("question", question=write_question(question.content, language))


def _cue(question: TemporalQuestion, language: str) -> str:
    field = "answer_month" if isinstance(question.content, MonthShift) else "answer"
    return load_prompt("temporal", language).texts[field]


def _facts(facts: Sequence[str], language: str) -> list[str]:
    return ["\n".join([load_prompt("temporal", language).texts["facts"], *facts])] if facts else []

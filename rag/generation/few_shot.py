"""X-ICL prompts: solved questions in English, then a question in any language (CLiTSSA, arXiv 2412.08090)."""

from collections.abc import Sequence
from typing import Literal

from prompts import load_prompt
from rag.generation.engine import Message
from retriever.temporal import arithmetic
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.questions import TemporalQuestion, write_question

PromptStyle = Literal["completion", "chat"]
"""completion: one text that the model continues. chat: a conversation with a turn each way for each demonstration."""


def completion_prompt(
    question: TemporalQuestion, demonstrations: Sequence[TemporalQuestion], language: str, facts: Sequence[str] = ()
) -> str:
    """The paper's prompt, as one text.

    It has a head in the language, English demonstrations, the instruction, facts if there are any, and the question.
    Without demonstrations there is no head.
    """
    texts = load_prompt("temporal", language).texts
    solved = [f"{_question_text(one, 'en')} {gold_text(one, 'en')}." for one in demonstrations]
    head = [texts["head"], *solved] if demonstrations else []
    return "\n\n".join([*head, texts["tail"], *_facts(facts, language), _question_text(question, language)])


def chat_prompt(
    question: TemporalQuestion, demonstrations: Sequence[TemporalQuestion], language: str, facts: Sequence[str] = ()
) -> list[Message]:
    """The paper's prompt as a conversation: the instruction is the system message, a demonstration a turn each way."""
    texts = load_prompt("temporal", language).texts
    system = f"{texts['head']} {texts['tail']}" if demonstrations else texts["tail"]
    turns = [message for one in demonstrations for message in demonstration_turns(one)]
    user = "\n\n".join([*_facts(facts, language), _question_text(question, language)])
    return [{"role": "system", "content": system}, *turns, {"role": "user", "content": user}]


def demonstration_turns(question: TemporalQuestion) -> list[Message]:
    """An English question as the user's turn, and its answer as the assistant's."""
    return [
        {"role": "user", "content": _question_text(question, "en")},
        {"role": "assistant", "content": f"{gold_text(question, 'en')}."},
    ]


def gold_text(question: TemporalQuestion, language: str) -> str:
    """The right answers on one line: "A, B and C". A month is written as in the language, in English as in TempReason.

    >>> from retriever.types import Month
    >>> shift = MonthShift(Month(1742, 5), months=60, after=True)
    >>> gold_text(TemporalQuestion("1", shift, ("May, 1747",)), "ro")
    'mai 1747'
    """
    if isinstance(question.content, MonthShift) and language != "en":
        return arithmetic.format_month(question.content.result, language)
    *others, last = question.answers
    return f"{', '.join(others)} and {last}" if others else last


def _question_text(question: TemporalQuestion, language: str) -> str:
    """The question and, on the next line, the words that its answer continues."""
    prompt = load_prompt("temporal", language)
    text = prompt.render("question", question=write_question(question.content, language))
    return f"{text}\n{prompt.texts['answer_month' if isinstance(question.content, MonthShift) else 'answer']}"


def _facts(facts: Sequence[str], language: str) -> list[str]:
    """The facts below their heading, as one paragraph; none if there are no facts."""
    return ["\n".join([load_prompt("temporal", language).texts["facts"], *facts])] if facts else []

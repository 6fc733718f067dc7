"""The prompts, word for word."""

import pytest

from prompts import FIELDS, languages, load_prompt
from rag.generation.few_shot import chat_prompt, completion_prompt, gold_text
from rag.generation.language_check import is_in_language
from retriever.temporal import arithmetic
from retriever.temporal.arithmetic import MonthShift
from retriever.temporal.questions import FactQuery, TemporalQuestion
from retriever.types import Month

L1 = TemporalQuestion("1", MonthShift(Month(1742, 5), 60, after=True), ("May, 1747",))
L2 = TemporalQuestion(
    "2", FactQuery("played_for", "Glynn Snodin", Month(1978, 11)), ("Doncaster Rovers F.C.", "Leeds", "Ajax")
)


def test_the_papers_prompt_in_german():
    assert completion_prompt(L2, [L2, L1], "de") == (
        "Beachte die folgenden englischen Beispiele.\n\n"
        "Question: Which team did Glynn Snodin play for in Nov, 1978?\n"
        "Answer: The correct answer is Doncaster Rovers F.C., Leeds and Ajax.\n\n"
        "Question: What is the time 5 years after May 1742?\n"
        "Answer: The correct answer in month,year is May, 1747.\n\n"
        "Beantworte nun die nächste Frage auf Deutsch.\n\n"
        "Frage: Für welches Team spielte Glynn Snodin im November 1978?\n"
        "Antwort: Die richtige Antwort ist"
    )


def test_facts_stand_before_the_question_and_without_demonstrations_there_is_no_head():
    text = completion_prompt(L2, [], "ro", ["Glynn Snodin played for Leeds."])
    assert text.startswith("Acum răspunde la următoarea întrebare în limba română.\n\nFapte:\nGlynn Snodin played")
    assert text.endswith("Răspuns: Răspunsul corect este")


def test_the_same_as_a_conversation():
    messages = chat_prompt(L1, [L2], "ro", ["A fact."])
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[0]["content"].endswith("Acum răspunde la următoarea întrebare în limba română.")
    assert messages[2]["content"] == "Doncaster Rovers F.C., Leeds and Ajax."
    assert messages[3]["content"].startswith("Fapte:\nA fact.\n\nÎntrebare: ")
    assert messages[3]["content"].endswith("Răspuns: Răspunsul corect în lună,an este")


@pytest.mark.parametrize("language", arithmetic.languages())
def test_every_language_with_phrases_has_a_prompt(language):
    assert set(languages("temporal")) == set(arithmetic.languages())
    prompt = load_prompt("temporal", language)
    assert prompt.texts.keys() == FIELDS["temporal"].keys()
    assert is_in_language(f"{prompt.texts['head']} {prompt.texts['tail']}", language)
    assert "$question" in prompt.texts["question"]
    assert gold_text(L1, language)

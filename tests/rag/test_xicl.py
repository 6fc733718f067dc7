"""The prompts, word for word."""

import pytest

from prompts import FIELDS, languages, load_prompt
from rag.grounding import in_language
from rag.xicl import chat, completion, written_answer
from retriever.temporal import calendar
from retriever.temporal.calendar import Month, Sum
from retriever.temporal.questions import Asked, TimeQuestion

L1 = TimeQuestion("1", Sum(Month(1742, 5), 60, after=True), ("May, 1747",))
L2 = TimeQuestion("2", Asked("played_for", "Glynn Snodin", Month(1978, 11)), ("Doncaster Rovers F.C.", "Leeds", "Ajax"))


def test_the_papers_prompt_in_german():
    assert completion(L2, [L2, L1], "de") == (
        "Beachte die folgenden englischen Beispiele.\n\n"
        "Question: Which team did Glynn Snodin play for in Nov, 1978?\n"
        "Answer: The correct answer is Doncaster Rovers F.C., Leeds and Ajax.\n\n"
        "Question: What is the time 5 years after May 1742?\n"
        "Answer: The correct answer in month,year is May, 1747.\n\n"
        "Beantworte nun die nächste Frage auf Deutsch.\n\n"
        "Frage: Für welches Team spielte Glynn Snodin im November 1978?\n"
        "Antwort: Die richtige Antwort ist"
    )


def test_facts_stand_before_the_question_and_no_shots_leave_no_head():
    text = completion(L2, [], "ro", ["Glynn Snodin played for Leeds."])
    assert text.startswith("Acum răspunde la următoarea întrebare în limba română.\n\nFapte:\nGlynn Snodin played")
    assert text.endswith("Răspuns: Răspunsul corect este")


def test_the_same_as_a_conversation():
    messages = chat(L1, [L2], "ro", ["A fact."])
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[0]["content"].endswith("Acum răspunde la următoarea întrebare în limba română.")
    assert messages[2]["content"] == "Doncaster Rovers F.C., Leeds and Ajax."
    assert messages[3]["content"].startswith("Fapte:\nA fact.\n\nÎntrebare: ")
    assert messages[3]["content"].endswith("Răspuns: Răspunsul corect în lună,an este")


@pytest.mark.parametrize("language", calendar.languages())
def test_every_language_of_the_calendar_has_its_prompt(language):
    assert set(languages("temporal")) == set(calendar.languages())
    prompt = load_prompt("temporal", language)
    assert prompt.texts.keys() == FIELDS["temporal"].keys()
    assert in_language(f"{prompt.texts['head']} {prompt.texts['tail']}", language)
    assert "$question" in prompt.texts["question"]
    assert written_answer(L1, language)

from string import Template

import pytest

from prompts import FIELDS, PromptError, languages, load_prompt
from rag.generation.language_check import is_in_language

REQUIRED = "en de fr es it pt nl ro pl cs ru uk el tr ar fa he hi bn ur ta te mr th vi id tl sw zh ja ko".split()


def test_every_promised_language_has_a_file():
    assert set(REQUIRED) <= set(languages())


@pytest.mark.parametrize("language", languages())
def test_a_prompt_has_every_placeholder_and_is_in_its_language(language):
    prompt = load_prompt("answer", language)
    assert set(Template(prompt.texts["user"]).get_identifiers()) == {"passages", "question"}
    assert set(Template(prompt.texts["system"]).get_identifiers()) == {"no_answer"}
    assert prompt.texts["language"] == prompt.language_name
    if language != "hi-Latn":  # its instruction is half English, as its readers write
        assert is_in_language(prompt.texts["system"].replace("$no_answer", ""), language)
    assert is_in_language(prompt.texts["brief"], language)


def test_rendering_fills_everything_in_and_evaluates_nothing():
    values = {"passages": "[1] costs $5 and ${question}", "question": "Cât?", "no_answer": "Nu se știe."}
    system, user = load_prompt("answer", "ro").messages(**values)
    assert "„Nu se știe.”" in system["content"]
    assert "[1] costs $5 and ${question}" in user["content"]
    assert user["content"].endswith("în limba română.")


def test_the_system_message_depends_on_the_language_alone():
    prompt = load_prompt("answer", "th")
    first = prompt.messages(passages="a", question="b", no_answer="e")
    second = prompt.messages(passages="c", question="d", no_answer="e")
    assert first[0] == second[0]


def test_other_languages_fall_back_to_english_that_names_them():
    system, user = load_prompt("answer", "fi").messages(passages="[1] x", question="Mikä?", no_answer="Ei tiedetä.")
    assert "Write in Finnish" in system["content"]
    assert user["content"].endswith("Please answer in Finnish.")


@pytest.mark.parametrize("language", languages("fixed"))
def test_the_fixed_sentences_are_in_their_language(language):
    texts = load_prompt("fixed", language).texts
    assert Template(texts["quote"]).get_identifiers() == ["words"]
    if language != "ig":  # detection takes Igbo with its dots for Vietnamese
        assert is_in_language(texts["no_answer"], language)


def test_every_language_of_answers_has_fixed_sentences():
    assert set(languages()) < set(languages("fixed"))


def test_a_missing_value_is_an_error():
    with pytest.raises(KeyError):
        load_prompt("answer", "en").messages(passages="x")


def test_bad_files_are_refused(monkeypatch):
    monkeypatch.setitem(FIELDS, "rewrite", {"system": set(), "user": {"question"}})
    load_prompt.cache_clear()
    with pytest.raises(PromptError, match="unknown variables"):
        load_prompt("rewrite", "en")
    monkeypatch.setitem(FIELDS, "rewrite", {"system": set()})
    with pytest.raises(PromptError, match="has the fields"):
        load_prompt("rewrite", "en")
    load_prompt.cache_clear()

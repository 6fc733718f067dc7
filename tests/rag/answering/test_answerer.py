"""A small model's way from hits to an answer: read, check the support, render."""

from dataclasses import replace

import pytest

from prompts import load_prompt
from rag.answering import evidence
from rag.errors import NoProbabilitiesError
from rag.pipeline import RAG

TEXTS = {
    "panama.txt": "The Panama Canal joins the Atlantic and the Pacific. It was opened on 15 August 1914.",
    "suez.txt": "The Suez Canal joins the Mediterranean and the Red Sea. It was opened in November 1869.",
}
QUESTION = "When was the Panama Canal opened?"
IN_ROMANIAN = "Canalul Panama a fost deschis la 15 august 1914."


@pytest.fixture
def reading_rag(settings, fake_encoder, scripted):
    """A RAG with a small scripted model over TEXTS."""
    opened: list[RAG] = []

    def make(*replies, **changes):
        engine = scripted(*replies)
        engine.small = True
        folder = settings.library / str(len(opened))
        changes = {"rerank": "off", "library": folder, **changes}
        rag = RAG(settings.model_copy(update=changes), encoder=fake_encoder, engine=engine)
        rag.library.add_texts(list(TEXTS.items()))
        opened.append(rag)
        return rag, engine

    yield make
    for rag in opened:
        rag.close()


def test_read_check_render(reading_rag):
    rag, engine = reading_rag("Yes", "15 August 1914", IN_ROMANIAN)
    *drafts, answer = rag.stream(QUESTION, language="ro")
    assert answer.text == f"{IN_ROMANIAN} [1]"
    assert (answer.language, answer.abstained, answer.final, answer.doubts) == ("ro", False, True, ())
    (citation,) = answer.citations
    assert citation.quote.strip() == "It was opened on 15 August 1914."
    assert citation.passage.title == "panama"
    assert drafts[-1].text == "În documente scrie: „15 August 1914”."  # shown while the sentence is written
    assert len(engine.asked) == 3
    assert {"understand", "retrieve", "read", "generate", "check", "first_token"} <= set(answer.timings)


def test_words_without_support_are_withheld_marked_or_shown(reading_rag):
    denied = ("No", "No", "15 August 1914")
    rag, engine = reading_rag("No", "No")
    withheld = rag.ask(QUESTION)
    assert (withheld.abstained, withheld.text) == (True, load_prompt("fixed", "en").texts["no_answer"])
    assert all(not citation.used for citation in withheld.citations)
    assert not engine.replies

    flagged = reading_rag(*denied, "It was opened on 15 August 1914.", grounding="flag")[0].ask(QUESTION)
    assert (flagged.abstained, flagged.doubts) == (False, ("15 August 1914",))
    shown = reading_rag(*denied, "It was opened on 15 August 1914.", grounding="off")[0].ask(QUESTION)
    assert (shown.abstained, shown.doubts) == (False, ())


def test_an_answer_tells_how_probable_it_is(reading_rag):
    shown = reading_rag("Yes", "15 August 1914", IN_ROMANIAN)[0].ask(QUESTION, language="ro")
    withheld = reading_rag("No", "No")[0].ask(QUESTION)
    assert 0 < withheld.support < shown.support < 1


def test_a_passage_that_surely_answers_is_quoted_where_its_words_are_not_found(reading_rag):
    rag, engine = reading_rag("Yes", "on the seventh day of creation")
    answer = rag.ask(QUESTION, language="ro")
    assert answer.text == f"În documente scrie: „{TEXTS['panama.txt'].removesuffix('.')}”. [1]"
    (citation,) = answer.citations
    assert (citation.quote, citation.used) == (TEXTS["panama.txt"], True)
    assert (answer.abstained, answer.final, answer.doubts) == (False, True, ())
    assert "first_token" in answer.timings
    assert not engine.replies


def test_where_words_are_doubtful_their_sentence_is_quoted(reading_rag, monkeypatch):
    rag, engine = reading_rag("Yes", "Atlantic")
    unsure = engine.answer
    monkeypatch.setattr(engine, "answer", lambda *a, **k: replace(unsure(*a, **k), logprobs=(-4.0,)))
    monkeypatch.setattr(evidence, "READ_SHARE", 1.1)  # no neighbours
    answer = rag.ask(QUESTION, language="ro")
    assert answer.text == "În documente scrie: „The Panama Canal joins the Atlantic and the Pacific”. [1]"
    assert not engine.replies


CAPITAL = "Care este capitala Egiptului? Is Brasília the capital?"


def test_a_passage_on_another_country_is_not_read(reading_rag):
    rag, engine = reading_rag("No")
    rag.library.add_texts([("brasilia.txt", "Brasília is the capital of Brazil.")])
    assert rag.ask(CAPITAL, language="ro").abstained
    asked = " ".join(messages[-1]["content"] for messages in engine.asked)
    assert "Suez" in asked  # which names no country
    assert "Brazil" not in asked
    assert not engine.replies


def test_where_all_passages_are_on_another_country_doubtful_words_are_marked(reading_rag):
    rag, _ = reading_rag("Yes", "Brasília", "Capitala este Brasília.", "Yes", "No", grounding="flag")
    rag.library.remove(list(TEXTS))
    rag.library.add_texts([("brasilia.txt", "Brasília is the capital of Brazil.")])
    answer = rag.ask(CAPITAL, language="ro")
    assert (answer.abstained, answer.doubts) == (False, ("Brasília",))


def test_words_that_no_passage_has_are_never_shown(reading_rag):
    for grounding in ("flag", "off"):
        rag, _ = reading_rag("No", "No", *["on the seventh day of creation"] * 2, grounding=grounding)
        assert rag.ask(QUESTION).abstained


@pytest.mark.parametrize(("alone", "is_told"), [(-200.0, True), (-9.0, False)])
def test_a_passage_must_tell_of_the_question(reading_rag, monkeypatch, alone, is_told):
    rag, engine = reading_rag("No", "No", *(("nowhere", "neither") if is_told else ()))
    monkeypatch.setattr(engine, "text_logprob", lambda messages, _: -9.0 if "Panama" in str(messages) else alone)
    answer = rag.ask(QUESTION, language="ro")
    assert answer.abstained != is_told
    assert not engine.replies


def test_an_empty_library_abstains(settings, fake_encoder, scripted):
    engine = scripted()
    engine.small = True
    with RAG(settings, encoder=fake_encoder, engine=engine) as rag:
        assert rag.ask(QUESTION).abstained


@pytest.mark.parametrize(("reader", "small", "reads"), [("auto", False, False), ("extract", False, True)])
def test_the_setting_decides_who_reads(reading_rag, reader, small, reads):
    replies = ("Yes", "15 August 1914", IN_ROMANIAN) if reads else (IN_ROMANIAN,)
    rag, engine = reading_rag(*replies, reader=reader)
    engine.small = small
    assert rag.ask(QUESTION, language="ro").text == f"{IN_ROMANIAN} [1]"
    assert not engine.replies


def test_a_small_model_writes_where_the_setting_says_so(reading_rag):
    rag, engine = reading_rag(IN_ROMANIAN, reader="write")
    assert rag.ask(QUESTION, language="ro").text == f"{IN_ROMANIAN} [1]"
    assert len(engine.asked) == 1


def test_a_server_without_probabilities_writes(reading_rag):
    silent = NoProbabilitiesError("It tells no probabilities; set reader to write.")
    rag, _ = reading_rag(silent, IN_ROMANIAN)
    assert rag.ask(QUESTION, language="ro").text == f"{IN_ROMANIAN} [1]"
    rag, _ = reading_rag(silent, reader="extract")
    with pytest.raises(NoProbabilitiesError, match="set reader to write"):
        rag.ask(QUESTION, language="ro")


def test_an_abstention_in_a_language_without_a_fixed_sentence_is_in_it_or_in_english(reading_rag):
    english, tajik = load_prompt("fixed", "tg").texts["no_answer"], "Ҳуҷҷатҳо ҷавоби ин саволро надоранд."

    def ask(translation, *, small=False):
        rag, engine = reading_rag(english, translation, reader="write")
        engine.small = small
        answer = rag.ask(QUESTION, language="tg")
        assert answer.abstained
        return answer.text, answer.language

    assert ask(tajik) == (tajik, "tg")
    for useless in ("Документи не містять відповіді на це питання.", "Ҳуҷҷатҳо " * 40):
        assert ask(useless) == (english, "en")
    assert ask(tajik, small=True) == (english, "en")


def test_a_small_model_abstains_in_a_language_without_a_prompt_by_its_fixed_sentence(reading_rag):
    rag, _ = reading_rag("No", "No", "15 August 1914")
    answer = rag.ask(QUESTION, language="yo")
    assert (answer.text, answer.language) == ("Àwọn ìwé náà kò ní ìdáhùn sí ìbéèrè yìí.", "yo")

import time

import pytest

from rag.errors import GeneratorError
from rag.generation.rewriting import QueryRewriter


class Slow:
    """An engine that writes a translation word by word, with a pause before each."""

    label = "slow"
    evidence_tokens = 400
    small = False

    def stream(self, messages, *, max_tokens):
        for word in ("When ", "was ", "it ", "founded?"):
            time.sleep(0.05)
            yield word

    def complete(self, prompt, *, max_tokens):
        raise AssertionError("A query is rewritten in a chat.")

    def answer(self, messages, *, max_tokens):
        raise AssertionError("A query is rewritten in a chat.")

    def choice_logprobs(self, messages, choices):
        raise AssertionError("A query is rewritten in a chat.")

    def text_logprob(self, messages, text):
        raise AssertionError

    def close(self):
        pass


@pytest.fixture
def translator(scripted, tmp_path):
    def make(*replies, mode="translate"):
        engine = scripted(*replies)
        return QueryRewriter(lambda: engine, tmp_path, mode), engine

    return make


QUESTIONS = {
    "ro": "Când a fost fondată universitatea în 1088?",
    "hi": "विश्वविद्यालय की स्थापना १०८८ में कब हुई?",
    "ar": "متى تأسست الجامعة عام ١٠٨٨؟",
    "th": "มหาวิทยาลัยก่อตั้งเมื่อใดใน ๑๐๘๘",
    "zh": "大学是1088年什么时候成立的？",
}


@pytest.mark.parametrize("language", QUESTIONS)
def test_a_question_is_translated_once(translator, language):
    translate, engine = translator("When was the university founded in 1088?")
    for _ in range(2):
        assert translate(QUESTIONS[language], language, "en") == "When was the university founded in 1088?"
    assert len(engine.asked) == 1
    system, user = engine.asked[0]
    assert "English" in system["content"]
    assert user["content"] == f"Translate into English:\n{QUESTIONS[language]}"


def test_quotation_marks_and_a_list_that_goes_on_are_left_out(translator):
    translate, _ = translator("“When was the university founded in 1088?”")
    assert translate(QUESTIONS["ro"], "ro", "en") == "When was the university founded in 1088?"
    another, _ = translator("Wake me at noon.\nWake me at six.", mode="similar")
    assert another("wake me up\nset an alarm", "en", "en") == "Wake me at noon."


@pytest.mark.parametrize(
    "reply",
    [
        "Universitatea a fost fondată cu foarte multă vreme în urmă.",  # not in the language
        "When was the university founded in 1089?",  # another number
        "Here is the answer. Here is the answer. " * 10,
        "…",
    ],
)
def test_what_is_no_translation_is_not_used(translator, reply):
    translate, _ = translator(reply)
    assert translate(QUESTIONS["ro"], "ro", "en") is None


@pytest.mark.parametrize("language", QUESTIONS)
def test_an_answer_is_guessed_once_numbers_or_no_numbers(translator, language):
    expand, engine = translator("The university was founded by students in the 11th century.", mode="expand")
    for _ in range(2):
        assert expand(QUESTIONS[language], language, "en").startswith("The university was founded")
    system, user = engine.asked[0]
    assert "English" in system["content"]
    assert user["content"] == QUESTIONS[language]
    assert len(engine.asked) == 1


def test_a_guess_is_kept_apart_from_a_translation_and_wanted_in_english_too(translator, scripted, tmp_path):
    expand, _ = translator("It was founded in 1088 by students of the law.", mode="expand")
    translate, _ = translator("When was the university founded in 1088?")
    assert expand(QUESTIONS["ro"], "ro", "en") == "It was founded in 1088 by students of the law."
    assert translate(QUESTIONS["ro"], "ro", "en") == "When was the university founded in 1088?"
    again, _ = translator("The school was founded by some students.", mode="expand")
    assert again("When was it founded?", "en", "en") == "The school was founded by some students."


def test_a_question_in_the_passages_language_needs_no_generator(translator):
    translate, engine = translator()
    assert translate("When was it founded?", "en", "en") is None
    assert engine.asked == []


def test_a_generator_that_is_down_or_slow_is_done_without(translator, tmp_path, caplog):
    translate, _ = translator(GeneratorError("No generator answers."), "When was it founded in 1088?")
    assert translate(QUESTIONS["ro"], "ro", "en") is None
    assert "No generator answers." in caplog.text
    assert translate(QUESTIONS["ro"], "ro", "en") == "When was it founded in 1088?"  # nothing bad was remembered
    assert QueryRewriter(Slow, tmp_path, "translate", seconds=0.06)("Când a fost fondată?", "ro", "en") is None
    assert QueryRewriter(Slow, tmp_path, "translate")("Când a fost fondată?", "ro", "en") == "When was it founded?"


@pytest.mark.slow
def test_search_goes_by_both_versions(make_rag, tmp_path):
    texts = {
        "kiln.txt": "The kiln is fired with beech wood until the glaze melts.",
        "ferry.txt": "The ferry crosses the strait twice a day, except in winter.",
    }
    rag, engine = make_rag(texts, "glaze melts in the kiln", translate_queries=True, cache=tmp_path)
    hits = {hit.passage.title: hit for hit in rag.search("Wann fährt das Schiff über die Meerenge?")}
    assert hits["kiln"].lexical > hits["ferry"].lexical  # BM25 goes by the translation
    assert hits["ferry"].dense > hits["kiln"].dense  # the similarity shown is the question's own
    assert len(engine.asked) == 1
    assert len(rag.library.retriever.rewrites) == 1
    assert {hit.query_language for hit in hits.values()} == {"de"}

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.reader import Reading, confirm_odds, locate, read, sentence_around
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Passage, Query

QUERY = Query("Πότε άνοιξε η Διώρυγα του Παναμά;", "el", np.zeros(2, dtype=np.float32))


NO_BASELINE = ScoreBaseline(np.zeros((0, 2), dtype=np.float32), ())


def hit(number: int, text: str, language: str = "en") -> Hit:
    passage = Passage(str(number), "d", f"Text {number}", text, None, 0, len(text), language)
    return Hit(passage, 1.0 / number, 0.5, None, "el")


SUEZ = hit(1, "The Suez Canal joins two seas. It was opened in November 1869.")
PANAMA = hit(2, "The Panama Canal joins two oceans. It was opened on 15 August 1914. A ship needs ten hours.")


def test_the_words_come_from_the_passage_that_the_model_takes_for_the_best(scripted):
    engine = scripted("No", "Yes", '"15 August 1914".')
    reading = read(engine, QUERY, QUERY.text, [SUEZ, PANAMA], NO_BASELINE)
    assert reading is not None
    assert (reading.hit, reading.words) == (PANAMA, "15 August 1914")
    assert reading.answers > 0
    start, end = sentence_around(reading)
    assert PANAMA.passage.text[start:end].strip() == "It was opened on 15 August 1914."
    judged = [messages[-1]["content"] for messages in engine.asked]
    assert "Suez" in judged[0]
    assert all("Panama Canal" in prompt and QUERY.text in prompt for prompt in judged[1:])
    assert "copied from the passage" in judged[2]
    engine.replies.append("No")
    assert confirm_odds(engine, reading, QUERY.text, "στις 15 Αυγούστου") < 0
    assert "Proposed answer: στις 15 Αυγούστου" in engine.asked[-1][-1]["content"]


def test_search_has_a_say_in_which_passage(scripted):
    vectors = np.array([[cosine, (1 - cosine**2) ** 0.5] for cosine in [0.4] * 10 + [0.6] * 10], dtype=np.float32)
    baseline = ScoreBaseline(vectors, ("en",) * 20)
    query = replace(QUERY, vector=np.array([1, 0], dtype=np.float32))
    for dense, words in ((0.9, "November 1869"), (0.3, "15 August 1914")):
        engine = scripted("No", "No", words)
        engine.choice_logprobs = lambda messages, choices: [0.1 if "Panama" in messages[-1]["content"] else 0.0, 0.0]
        engine.replies = [words]
        hits = [replace(SUEZ, dense=dense), replace(PANAMA, dense=0.5)]
        assert read(engine, query, query.text, hits, baseline).words == words


def test_a_passage_that_surely_answers_ends_the_search(scripted):
    engine = scripted("Yes", "in November 1869")
    assert read(engine, QUERY, QUERY.text, [SUEZ, PANAMA], NO_BASELINE).hit is SUEZ
    assert len(engine.asked) == 2


def test_prompts_of_one_passage_begin_alike_so_that_it_is_read_once(scripted):
    engine = scripted("Yes", "in November 1869")
    read(engine, QUERY, QUERY.text, [SUEZ], NO_BASELINE)
    beginnings = {messages[-1]["content"].split("Question:")[0] for messages in engine.asked}
    assert len(beginnings) == 1
    assert len({messages[0]["content"] for messages in engine.asked}) == 1


def test_words_that_are_not_in_the_passage_are_no_reading(scripted):
    assert read(scripted("Yes", "by the king of Siam"), QUERY, QUERY.text, [SUEZ], NO_BASELINE) is None
    assert read(scripted(), QUERY, QUERY.text, [], NO_BASELINE) is None


def test_the_language_asked_for_is_the_passages(scripted):
    engine = scripted("Yes", "în anul 1581")
    reading = read(
        engine, QUERY, QUERY.text, [hit(1, "Universitatea a fost fondată în anul 1581 de rege.", "ro")], NO_BASELINE
    )
    assert reading.words == "în anul 1581"
    assert "Answer in Romanian" in engine.asked[1][-1]["content"]


@pytest.mark.parametrize(
    ("answer", "text", "words"),
    [
        ("the Black sea", "It flows into the Black Sea.", "the Black Sea"),
        ("Stephen Bathory", "Stephen Báthory founded it.", "Stephen Báthory"),
        ("12", "It has twelve towers.", "twelve"),
        ("ARTS", "A channel for the arts, the Alpha Television Service (ARTS).", "ARTS"),
        ("Alexander Fleming discovered penicilina", "Alexander Fleming found it.", "Alexander Fleming"),
        ("The canal opened on 15 August 1914", "They opened it on 15 August 1914.", "on 15 August 1914"),
        (
            "No, Denmark has the right to stay out",
            "It made twenty. Denmark has the right to stay out. The notes …",
            "Denmark has the right to stay out",
        ),
        ("40%", "It grew by 40%, which is much.", "40%"),
        ("๑๕ สิงหาคม", "เปิดเมื่อ ๑๕ สิงหาคม ๒๔๕๗", "๑๕ สิงหาคม"),
        ("黑海", "多瑙河流入黑海。", "黑海"),
        ("البحر الأسود", "يصب نهر الدانوب في البحر الأسود.", "البحر الأسود"),
        ("काला सागर", "डेन्यूब काला सागर में गिरती है।", "काला सागर"),
    ],
)
def test_words_are_found_in_every_script(answer, text, words):
    span = locate(answer, text, "en")
    assert span is not None
    assert text[slice(*span)] == words


def test_a_number_is_not_found_inside_another():
    assert locate("5", "It has 15 rooms and 5 beds.", "en") == (20, 21)


def test_a_name_is_not_taken_for_the_word_that_it_looks_like():
    text = "It shows the arts. The channel is called ARTS."
    assert locate("ARTS", text, "en") == (41, 45)


WORDS = st.lists(st.text(st.characters(categories=("Ll", "Nd")), min_size=2, max_size=8), min_size=3, max_size=20)


@given(WORDS, st.data())
def test_words_of_a_text_are_found_as_they_are(words, data):
    text = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    answer = " ".join(words[first : last + 1])
    span = locate(answer, text, "en")
    assert span is not None
    assert answer.lower() in text[slice(*span)].lower()


def test_a_reading_is_one_line():
    text = "It was opened on\n 15  August 1914."
    assert Reading(hit(1, text), 7, len(text) - 1, 0.0, ()).words == "opened on 15 August 1914"

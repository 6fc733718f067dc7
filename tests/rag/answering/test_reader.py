from dataclasses import replace

import numpy as np

from rag.answering.reader import Reading, confirm_odds, read, sentence_around
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Passage, Query

QUERY = Query("Πότε άνοιξε η Διώρυγα του Παναμά;", "el", np.zeros(64, dtype=np.float32))


NO_BASELINE = ScoreBaseline(np.zeros((0, 64), dtype=np.float32), ())


def hit(number: int, text: str, language: str = "en") -> Hit:
    passage = Passage(str(number), "d", f"Text {number}", text, None, 0, len(text), language)
    return Hit(passage, 1.0 / number, 0.5, None, "el")


SUEZ = hit(1, "The Suez Canal joins two seas. It was opened in November 1869.")
PANAMA = hit(2, "The Panama Canal joins two oceans. It was opened on 15 August 1914. A ship needs ten hours.")


def test_the_words_come_from_the_passage_that_the_model_takes_for_the_best(scripted, fake_encoder):
    engine = scripted("No", "Yes", '"15 August 1914".')
    reading = read(engine, QUERY, QUERY.text, [SUEZ, PANAMA], fake_encoder, NO_BASELINE)
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


def test_search_has_a_say_in_which_passage(scripted, fake_encoder):
    vectors = np.zeros((20, 64), dtype=np.float32)
    vectors[:, 0] = [0.4] * 10 + [0.6] * 10
    baseline = ScoreBaseline(vectors, ("en",) * 20)
    query = replace(QUERY, vector=np.eye(64, dtype=np.float32)[0])
    for dense, words in ((0.9, "November 1869"), (0.3, "15 August 1914")):
        engine = scripted("No", "No", words)
        engine.choice_logprobs = lambda messages, choices: [0.1 if "Panama" in messages[-1]["content"] else 0.0, 0.0]
        engine.replies = [words]
        hits = [replace(SUEZ, dense=dense), replace(PANAMA, dense=0.5)]
        assert read(engine, query, query.text, hits, fake_encoder, baseline).words == words


def test_a_passage_that_surely_answers_ends_the_search(scripted, fake_encoder):
    engine = scripted("Yes", "in November 1869")
    assert read(engine, QUERY, QUERY.text, [SUEZ, PANAMA], fake_encoder, NO_BASELINE).hit is SUEZ
    assert len(engine.asked) == 2


def test_the_next_passage_is_read_if_the_best_has_not_the_words(scripted, fake_encoder):
    engine = scripted("No", "No", "by the king of Siam", "15 August 1914")
    reading = read(engine, QUERY, QUERY.text, [SUEZ, PANAMA], fake_encoder, NO_BASELINE)
    assert (reading.hit, reading.words) == (PANAMA, "15 August 1914")


def test_two_sentences_are_read_and_the_words_keep_their_place(scripted, fake_encoder):
    passage = hit(1, "It rains. The canal was opened in 1869. It is 3 metres wide. The canal has 3 ports. It snows.")
    query = replace(QUERY, text="canal", vector=fake_encoder.encode_queries(["the canal"])[0])
    engine = scripted("Yes", "3")
    reading = read(engine, query, query.text, [passage], fake_encoder, NO_BASELINE)
    assert passage.passage.text[reading.start :].startswith("3 ports")
    assert "It rains" in engine.asked[0][-1]["content"]
    assert "Passage: The canal was opened in 1869. The canal has 3 ports.\n" in engine.asked[1][-1]["content"]


def test_words_that_are_not_in_the_passage_are_no_reading(scripted, fake_encoder):
    assert read(scripted("Yes", "by the king of Siam"), QUERY, QUERY.text, [SUEZ], fake_encoder, NO_BASELINE) is None
    assert read(scripted(), QUERY, QUERY.text, [], fake_encoder, NO_BASELINE) is None


def test_the_language_asked_for_is_the_passages(scripted, fake_encoder):
    engine = scripted("Yes", "în anul 1581")
    reading = read(
        engine,
        QUERY,
        QUERY.text,
        [hit(1, "Universitatea a fost fondată în anul 1581 de rege.", "ro")],
        fake_encoder,
        NO_BASELINE,
    )
    assert reading.words == "în anul 1581"
    assert "Answer in Romanian" in engine.asked[1][-1]["content"]


def test_a_reading_is_one_line():
    text = "It was opened on\n 15  August 1914."
    assert Reading(hit(1, text), 7, len(text) - 1, 0.0, ()).words == "opened on 15 August 1914"

from dataclasses import replace

import numpy as np
import pytest

from rag.answering.reader import Judgement, Reading, confirm_odds, judge, read, sentence_around
from retriever.store.baseline import ScoreBaseline
from retriever.types import Hit, Passage, Query

QUERY = Query("Πότε άνοιξε η Διώρυγα του Παναμά;", "el", np.array([1, 0], dtype=np.float32))
NO_BASELINE = ScoreBaseline(np.zeros((0, 2), dtype=np.float32), ())


def hit(number: int, text: str, language: str = "en") -> Hit:
    passage = Passage(str(number), "d", f"Text {number}", text, None, 0, len(text), language)
    return Hit(passage, 1.0 / number, 0.5, None, "el")


SUEZ = hit(1, "The Suez Canal joins two seas. It was opened in November 1869.")
PANAMA = hit(2, "The Panama Canal joins two oceans. It was opened on 15 August 1914. A ship needs ten hours.")


def read_best(engine, hits, query=QUERY, baseline=NO_BASELINE):
    """The reading of hits that the model judges first."""
    judgements = judge(engine, query, query.text, hits, baseline)
    return read(engine, query.text, judgements)


def test_the_words_come_from_the_passage_that_the_model_takes_for_the_best(scripted):
    engine = scripted("No", "Yes", '"15 August 1914".')
    reading = read_best(engine, [SUEZ, PANAMA])
    assert reading is not None
    assert (reading.hit, reading.words) == (PANAMA, "15 August 1914")
    assert reading.judgement.answers > 0
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
        assert read_best(engine, hits, query, baseline).words == words


def test_the_best_passage_is_asked_how_much_it_tells_of_the_question(scripted, monkeypatch):
    engine = scripted("No", "Yes")
    asked = []

    def text_logprob(messages, text):
        asked.append(messages[-1]["content"])
        return -10.0 if "1914" in asked[-1] else -34.5

    monkeypatch.setattr(engine, "text_logprob", text_logprob)
    best, other = judge(engine, QUERY, QUERY.text, [SUEZ, PANAMA], NO_BASELINE)
    assert (best.hit, best.pmi, other.pmi) == (PANAMA, 24.5, None)
    assert ["Greek" in prompt for prompt in asked] == [True, True]
    assert not any(QUERY.text in prompt for prompt in asked)
    assert judge(scripted("No", "Yes"), QUERY, QUERY.text, [SUEZ, PANAMA], NO_BASELINE)[0].pmi is None


def test_a_hit_that_only_its_words_brought_stands_out_by_nothing(scripted):
    vectors = np.array([[cosine, (1 - cosine**2) ** 0.5] for cosine in [0.4] * 10 + [0.6] * 10], dtype=np.float32)
    baseline = ScoreBaseline(vectors, ("en",) * 20)
    for dense, z_score in ((0.9, 4.0), (None, 0.0)):
        (judgement,) = judge(scripted("Yes"), QUERY, QUERY.text, [replace(SUEZ, dense=dense)], baseline)
        assert judgement.z_score == pytest.approx(z_score, abs=1e-4)
    (judgement,) = judge(scripted("Yes"), QUERY, QUERY.text, [SUEZ], NO_BASELINE)
    assert judgement.z_score is None


def test_a_passage_that_surely_answers_ends_the_search(scripted):
    engine = scripted("Yes", "in November 1869")
    assert read_best(engine, [SUEZ, PANAMA]).hit is SUEZ
    assert len(engine.asked) == 2


def test_prompts_of_one_passage_begin_alike_so_that_it_is_read_once(scripted):
    engine = scripted("Yes", "in November 1869")
    read_best(engine, [SUEZ])
    beginnings = {messages[-1]["content"].split("Question:")[0] for messages in engine.asked}
    assert len(beginnings) == 1
    assert len({messages[0]["content"] for messages in engine.asked}) == 1


def test_the_next_passage_is_read_if_the_best_has_not_the_words(scripted):
    engine = scripted("No", "No", "by the king of Siam", "15 August 1914")
    reading = read_best(engine, [SUEZ, PANAMA])
    assert (reading.hit, reading.words) == (PANAMA, "15 August 1914")


def test_words_that_are_not_in_the_passage_are_no_reading(scripted):
    assert read_best(scripted("Yes", "by the king of Siam"), [SUEZ]) is None
    assert read_best(scripted(), []) is None


def test_the_language_asked_for_is_the_passages(scripted):
    engine = scripted("Yes", "în anul 1581")
    reading = read_best(engine, [hit(1, "Universitatea a fost fondată în anul 1581 de rege.", "ro")])
    assert reading.words == "în anul 1581"
    assert "Answer in Romanian" in engine.asked[1][-1]["content"]


def test_a_reading_is_one_line():
    text = "It was opened on\n 15  August 1914."
    assert Reading(Judgement(hit(1, text), 0.0, None), 7, len(text) - 1, ()).words == "opened on 15 August 1914"

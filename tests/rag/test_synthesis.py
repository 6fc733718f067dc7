import json

import pytest

from rag.synthesis import write_questions
from retriever.datasets import read_squad
from retriever.errors import IsthmusError
from retriever.evaluation.tasks import squad_tasks
from retriever.types import Passage

pytestmark = pytest.mark.slow

TEXTS = {
    "coffee": "The first coffee house in Vienna opened in 1685.",
    "river": "The Danube is 2,850 kilometres long and flows into the Black Sea.",
    "tower": "The Eiffel Tower was built by Gustave Eiffel's company.",
    # the generator has no question on these
    "city": "Timbuktu lies in Mali and has had many mayors.",
    "mayor": "The mayor of a city in Mali is elected for five years.",
    "sea": "The Black Sea is salty.",
}
REPLIES = {
    TEXTS["coffee"]: "When did the first coffee house in Vienna open?",
    TEXTS["river"]: "Who is the mayor of Timbuktu?",  # does not lead to its passage
    TEXTS["tower"]: "Who built the Eiffel Tower?",
    ("Romanian", "When did the first coffee house in Vienna open?"): "Când s-a deschis prima cafenea din Viena?",
    ("Romanian", "Who built the Eiffel Tower?"): "Cine a construit Turnul Eiffel din Paris?",
    (
        "German",
        "When did the first coffee house in Vienna open?",
    ): "Das Schwarze Meer ist salzig.",  # an answer, and wrong
    ("German", "Who built the Eiffel Tower?"): "Wer hat den Eiffelturm gebaut?",
    ("Hindi", "When did the first coffee house in Vienna open?"): "वियना में पहला कॉफ़ी हाउस कब खुला?",
    ("Hindi", "Who built the Eiffel Tower?"): "Who built the Eiffel Tower, please?",  # is not in the language
}


class Scribe:
    """Answers by what it is given, and counts."""

    label, evidence_tokens, small = "scribe", 100, True

    def __init__(self):
        self.asked = 0

    def stream(self, messages, *, max_tokens):
        self.asked += 1
        system, user = (message["content"] for message in messages)
        for key, reply in REPLIES.items():
            if (isinstance(key, str) and "question" in system and key in user) or (
                isinstance(key, tuple) and key[0] in system and "translate" in system and user.endswith(key[1])
            ):
                yield reply
                return

    def close(self):
        pass


def passages(language="en"):
    return [Passage(f"{t}-0", f"{t}-document", t, text, None, 0, len(text), language) for t, text in TEXTS.items()]


def test_questions_are_written_filtered_translated_and_read_back(tmp_path, encoder):
    scribe = Scribe()
    counts = write_questions(passages(), ["ro", "hi", "de"], scribe, encoder, tmp_path, count=10)
    assert counts == {"en": 2, "ro": 2, "hi": 1, "de": 1}
    squad = read_squad(tmp_path)
    assert sorted(squad.passages["en"].values()) == sorted(TEXTS.values())
    assert {q.text for q in squad.questions["ro"]} == {REPLIES[key] for key in REPLIES if key[0] == "Romanian"}
    (hindi,) = squad.questions["hi"]
    assert [q.text for q in squad.questions["de"]] == ["Wer hat den Eiffelturm gebaut?"]
    assert squad.passages["en"][hindi.passage_id] == TEXTS["coffee"]
    tasks = {task.language: task for task in squad_tasks(squad, ("L-en",))}
    assert {len(task.passages) for task in tasks.values()} == {len(TEXTS)}


def test_what_is_written_is_not_asked_for_again(tmp_path, encoder):
    first, second = Scribe(), Scribe()
    write_questions(passages(), ["ro"], first, encoder, tmp_path, count=10)
    before = json.loads((tmp_path / "questions.ro.json").read_text(encoding="utf-8"))
    assert first.asked == len(TEXTS) + 2
    write_questions(passages(), ["ro"], second, encoder, tmp_path, count=10)
    assert second.asked == 0
    assert json.loads((tmp_path / "questions.ro.json").read_text(encoding="utf-8")) == before


def test_nothing_to_ask_about(tmp_path, encoder):
    with pytest.raises(IsthmusError, match="None of the passages is in English"):
        write_questions(passages("ro"), ["hi"], Scribe(), encoder, tmp_path, count=10)
    with pytest.raises(IsthmusError, match="none has a usable question"):
        write_questions(passages(), ["ro"], Mute(), encoder, tmp_path, count=1)


class Mute(Scribe):
    """Says nothing."""

    def stream(self, messages, *, max_tokens):
        yield from ()

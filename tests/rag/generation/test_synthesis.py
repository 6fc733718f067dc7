import json

import pytest

from rag.generation.synthesis import write_queries, write_questions
from retriever.data.labelled import LabelledQuery, read_labelled
from retriever.data.squad import read_squad
from retriever.errors import IsthmusError
from retriever.evaluation.tasks import read_tasks, squad_tasks
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
    """An engine that replies by the text of its prompt, and counts the requests."""

    label, evidence_tokens, small = "scribe", 100, True

    def __init__(self):
        self.requests = 0

    def stream(self, messages, *, max_tokens):
        self.requests += 1
        system, user = (message["content"] for message in messages)
        for key, reply in REPLIES.items():
            if (isinstance(key, str) and "question" in system and key in user) or (
                isinstance(key, tuple) and key[0] in system and "translate" in system and user.endswith(key[1])
            ):
                yield reply
                return

    def complete(self, prompt, *, max_tokens):
        raise AssertionError("Questions are written in a chat.")

    def answer(self, messages, *, max_tokens):
        raise AssertionError("Questions are written in a chat.")

    def choice_logprobs(self, messages, choices):
        raise AssertionError("Questions are written in a chat.")

    def text_logprob(self, messages, text):
        raise AssertionError

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
    assert first.requests == len(TEXTS) + 2
    write_questions(passages(), ["ro"], second, encoder, tmp_path, count=10)
    assert second.requests == 0
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


BASE = [
    LabelledQuery("wake me up at six", "wake me up at six", "ALARM", "en"),
    LabelledQuery("set an alarm for noon", "set an alarm for noon", "ALARM", "en"),
    LabelledQuery("play some jazz", "play some jazz", "MUSIC", "en"),
    LabelledQuery("will it rain tomorrow", "will it rain tomorrow", "WEATHER", "en"),
    LabelledQuery("turn off the lights in the kitchen", "turn off the lights in the kitchen", "LIGHT", "en"),
    LabelledQuery("call my mother", "call my mother", "CALL", "en"),
    *(
        LabelledQuery(text, text, "LIGHT", "en")
        for text in ("switch off the bedroom light", "turn the kitchen light on", "make the light in the hall brighter")
    ),
]
TRANSLATIONS = {
    "wake me up at six": "Trezește-mă la ora șase.",
    "set an alarm for noon": "Stinge lumina în bucătărie.",  # another request
    "play some jazz": "Pune niște jazz, te rog.",
    "will it rain tomorrow": "Va ploua mâine?",
    "turn off the lights in the kitchen": "Stinge luminile din bucătărie.",
    "call my mother": "Sun-o pe mama.",
    "switch off the bedroom light": "Stinge lumina din dormitor.",
    "turn the kitchen light on": "Aprinde lumina din bucătărie.",
    "make the light in the hall brighter": "Fă mai puternică lumina din hol.",
    "ALARM": "Pune alarma să sune dimineață.",
    "MUSIC": "Stinge lumina în dormitor.",  # of another label
    "WEATHER": "Va fi soare mâine?",
    "LIGHT": "Aprinde lumina în hol.",
    "CALL": "Sună-l pe tata, te rog.",
}


class Translator(Scribe):
    def stream(self, messages, *, max_tokens):
        self.requests += 1
        system, user = (message["content"] for message in messages)
        assert "Romanian" in system
        if "one more of this kind" in system:
            yield TRANSLATIONS[next(row.label for row in BASE if row.english in user)]
        else:
            yield next(text for query, text in TRANSLATIONS.items() if user.endswith(query))


def test_a_knowledge_base_is_translated_and_written_on_and_what_misses_its_label_is_dropped(tmp_path, encoder):
    scribe = Translator()
    counts = write_queries(BASE, ["ro"], scribe, encoder, tmp_path, count=9)
    requests = scribe.requests
    train, validation = (read_labelled(tmp_path / f"{name}.tsv") for name in ("train", "validation"))
    assert (len(validation), len(train) + 1) == (1, counts["ro"])
    rows = {(row.english, row.text, row.label) for row in train + validation}
    right = {(row.english, TRANSLATIONS[row.english], row.label) for row in BASE} | {
        ("", TRANSLATIONS[r.label], r.label) for r in BASE
    }
    wrong = {
        ("set an alarm for noon", TRANSLATIONS["set an alarm for noon"], "ALARM"),
        ("", TRANSLATIONS["MUSIC"], "MUSIC"),
    }
    assert not rows & wrong
    assert rows <= right
    assert len(rows) >= 7
    assert {row.language for row in train + validation} == {"ro"}
    assert {(task.direction, task.language) for task in read_tasks(tmp_path)} == {("en-label", "en"), ("L-label", "ro")}
    write_queries(BASE, ["ro"], scribe, encoder, tmp_path, count=9)
    assert scribe.requests == requests  # kept in the folder


def test_a_knowledge_base_without_originals_is_refused(tmp_path, encoder):
    with pytest.raises(IsthmusError, match="own language"):
        write_queries([LabelledQuery("", "Bună", "HI", "ro")], ["ro"], Scribe(), encoder, tmp_path, count=1)

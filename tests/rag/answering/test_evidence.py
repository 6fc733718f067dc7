import math
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.evidence import (
    MAX_SNIPPETS,
    TIME_BONUS,
    Snippet,
    estimate_tokens,
    evidence_z_score,
    select_evidence,
    select_excerpt,
)
from retriever.models.protocols import PassageEncoder
from retriever.search.understanding import understand
from retriever.store.baseline import MIN_PASSAGES, ScoreBaseline
from retriever.types import Hit, Month, Passage, Period, Query, Timing


def hit(number: int, title: str, text: str) -> Hit:
    return Hit(Passage(f"d{number}", f"d{number}", title, text, None, 0, len(text), "en"), 1.0, 0.8, None, "ro")


NO_BASELINE = ScoreBaseline(np.zeros((0, 64), dtype=np.float32), ())
HITS = [
    hit(
        1,
        "Coffee",
        "Coffee comes from Ethiopia. The first coffee house in Vienna opened in 1685. Brazil grows most of it.",
    ),
    hit(2, "Danube", "The Danube is 2,850 kilometres long. It flows into the Black Sea."),
]
QUESTION = "When did the first coffee house in Vienna open?"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 1),
        ("x" * 40, 11),  # 40 / 4 + 1
        ("д" * 25, 11),  # 25 / 2.5 + 1
        ("大" * 10, 11),  # 10 + 1
        ("x" * 40 + "д" * 25 + "大" * 10, 31),
    ],
)
def test_tokens_are_estimated_by_script(text, tokens):
    assert estimate_tokens(text) == tokens


def test_evidence_keeps_the_budget_and_the_best_sentence(fake_encoder):
    query = understand(QUESTION, fake_encoder)
    snippets = select_evidence(query, HITS, fake_encoder, NO_BASELINE, 25)
    assert "1685" in snippets[0].text
    assert sum(estimate_tokens(snippet.text) for snippet in snippets) <= 25
    for snippet in select_evidence(query, HITS, fake_encoder, NO_BASELINE, 300):
        passage = snippet.hit.passage.text
        assert passage[snippet.start : snippet.end].split() == snippet.text.split()


@pytest.fixture
def excerpt():
    """The excerpt of a passage, around the words if they are given.

    Cosines of the sentences less the baseline's mean, .5: a .3, b .08, c .2, d -.1.
    """

    class Encoder:
        name = "cosines"

        def encode_passages(self, texts):
            cosines = [{"a": 0.8, "b": 0.58, "c": 0.7, "d": 0.4}[text.removeprefix("T: ")[0]] for text in texts]
            return np.array([[cosine, math.sqrt(1 - cosine**2)] for cosine in cosines], dtype=np.float32)

    ordinary = np.array([[c, math.sqrt(1 - c**2)] for c in [0.4, 0.6] * MIN_PASSAGES], dtype=np.float32)
    baseline = ScoreBaseline(ordinary, ("en",) * len(ordinary))
    query = Query("When?", "en", np.array([1, 0], dtype=np.float32))

    def select(text, words=None):
        span = (text.index(words), text.index(words) + len(words)) if words else None
        return select_excerpt(query, hit(1, "T", text), cast(PassageEncoder, Encoder()), baseline, span).text

    return select


def test_an_excerpt_takes_near_neighbours_only(excerpt):
    assert excerpt("b is here. a is best. c is near. d is far.") == "a is best. c is near."
    assert excerpt("d is far. a is best. b is here. c is near.") == "a is best."
    assert excerpt("c is near. a is best. c is near.") == "c is near. a is best. c is near."
    assert excerpt("b is here. a is asked? d is its answer. b is here.") == "a is asked? d is its answer."
    assert excerpt("d is asked? a is best.") == "a is best."


def test_an_excerpt_around_words_begins_with_their_sentence(excerpt):
    text = "a is best. c is near. d is far. b is read."
    assert excerpt(text, "best") == "a is best."  # .2 is less than .7 of .3
    assert excerpt(text, "near") == "a is best. c is near."
    assert excerpt(text, "far") == text  # far from the question, so all that is nearer may be meant
    assert excerpt("c is near. b is read? d is its answer.", "read") == "c is near. b is read? d is its answer."


@pytest.mark.slow
def test_the_best_sentence_is_found_in_another_language(encoder):
    query = understand("În ce an s-a deschis prima cafenea din Viena?", encoder)
    snippets = select_evidence(query, HITS, encoder, NO_BASELINE, 25)
    assert "1685" in snippets[0].text
    assert sum(estimate_tokens(snippet.text) for snippet in snippets) <= 30


def test_the_best_sentence_goes_in_whatever_the_budget(fake_encoder):
    (snippet,) = select_evidence(understand(QUESTION, fake_encoder), HITS, fake_encoder, NO_BASELINE, 0)
    assert snippet.text == "The first coffee house in Vienna opened in 1685."
    assert (snippet.number, snippet.hit) == (1, HITS[0])
    assert [snippet.hit.passage.text[start:end] for start, end in snippet.sentences] == [snippet.text]
    assert snippet.vectors.shape == (1, 64)


@given(st.integers(0, 120))
def test_snippets_are_numbered_runs_of_sentences_within_the_budget(fake_encoder, budget):
    snippets = select_evidence(understand(QUESTION, fake_encoder), HITS * 3, fake_encoder, NO_BASELINE, budget)
    assert [snippet.number for snippet in snippets] == list(range(1, len(snippets) + 1))
    assert len(snippets) <= MAX_SNIPPETS
    costs = [
        estimate_tokens(snippet.hit.passage.text[start:end]) for snippet in snippets for start, end in snippet.sentences
    ]
    assert sum(costs) <= budget or len(costs) == 1
    for snippet in snippets:
        assert (snippet.start, snippet.end) == (snippet.sentences[0][0], snippet.sentences[-1][1])
        assert len(snippet.vectors) == len(snippet.sentences)


def test_a_budget_for_everything_takes_every_sentence(fake_encoder):
    snippets = select_evidence(understand(QUESTION, fake_encoder), HITS, fake_encoder, NO_BASELINE, 1000)
    assert {snippet.text for snippet in snippets} == {hit.passage.text for hit in HITS}
    assert snippets[0].hit.passage.title == "Coffee"


def test_no_passages_give_no_evidence(fake_encoder):
    query = understand(QUESTION, fake_encoder)
    assert select_evidence(query, [], fake_encoder, NO_BASELINE, 100) == []
    assert select_evidence(query, [hit(1, "Nothing", "")], fake_encoder, NO_BASELINE, 100) == []


def test_a_sentence_of_the_time_in_question_goes_before_its_equal():
    class Constant:
        name = "constant"

        def encode_passages(self, texts):
            return np.tile(np.array([1, 0], dtype=np.float32), (len(texts), 1))

        def encode_passage_tokens(self, texts):
            vectors = self.encode_passages(texts)
            return vectors, [vectors[n : n + 1] for n in range(len(texts))]

    mayors = hit(1, "Lund", "Anna Berg was mayor in 1988. Olof Falk was mayor in 1995. Eva Lind was mayor in 2001.")
    vector = np.array([1, 0], dtype=np.float32)
    period = Period(Month(1995, 1), Month(1995, 12))
    untimed, timed = (
        select_evidence(Query("Who?", "en", vector, timing=timing), [mayors], Constant(), NO_BASELINE, 0)
        for timing in (Timing(), Timing((period,)))
    )
    assert untimed[0].text == "Anna Berg was mayor in 1988."
    assert timed[0].text == "Olof Falk was mayor in 1995."
    assert TIME_BONUS > 0


def test_the_z_score_counts_deviations_above_ordinary_passages():
    query = Query("?", "en", np.array([1, 0], dtype=np.float32))

    def unit(cosine):
        return [cosine, np.sqrt(1 - cosine**2)]

    def snippet(number, *cosines):
        vectors = np.array([unit(cosine) for cosine in cosines], dtype=np.float32)
        return Snippet(number, HITS[0], 0, 1, ((0, 1),) * len(cosines), vectors)

    # Cosines of .1 and .3 in turn: mean .2, deviation .1.
    ordinary = np.array([unit(0.1 if n % 2 else 0.3) for n in range(MIN_PASSAGES)], dtype=np.float32)
    baseline = ScoreBaseline(ordinary, ("en",) * MIN_PASSAGES)
    assert evidence_z_score(query, [snippet(1, 0.3, 0.5)], baseline) == pytest.approx(3, abs=1e-4)
    assert evidence_z_score(query, [snippet(1, 0.1), snippet(2, 0.25)], baseline) == pytest.approx(0.5, abs=1e-4)
    assert evidence_z_score(query, [], baseline) == -float("inf")
    few = ScoreBaseline(ordinary[:-1], ("en",) * (MIN_PASSAGES - 1))
    assert evidence_z_score(query, [snippet(1, 0.1)], few) == float("inf")


@pytest.mark.slow
def test_the_z_score_separates_an_answer_from_none(encoder):
    things = "roof wall door bell gate well park pond mill farm barn yard lane hill road ford moor wood heath field"
    facts = [f"Fact {n} about the {thing} of a town." for n, thing in enumerate(things.split())]
    baseline = ScoreBaseline(encoder.encode_passages(facts), ("en",) * len(facts))

    def z_score(question):
        query = understand(question, encoder)
        return evidence_z_score(query, select_evidence(query, HITS, encoder, baseline, 300), baseline)

    assert z_score("Wann wurde das erste Kaffeehaus in Wien eröffnet?") > z_score("Wie viele Moleküle hat ein Mol?")

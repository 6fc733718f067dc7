"""The re-rankers of the nearest passages: the setting, the generator, a cross-encoder."""

import math

import numpy as np
import pytest
from sentence_transformers import CrossEncoder

from rag.documents.library import Library
from rag.errors import GeneratorError
from rag.generation.reranking import GeneratorReranker
from retriever.errors import IsthmusError
from retriever.search.late_interaction import LateInteraction
from retriever.search.rerankers import CrossEncoderReranker
from retriever.types import Passage, Query

TEXTS = [
    ("tea.txt", "Tea comes from the borderlands of China and Myanmar."),
    ("coffee.txt", "Coffee comes from Ethiopia. The first coffee house in Vienna opened in 1685."),
]


def passages(*texts: str) -> list[Passage]:
    return [Passage(str(n), "d", "", text, None, 0, len(text), "en") for n, text in enumerate(texts)]


def query(text: str) -> Query:
    return Query(text, "de", np.zeros(2, dtype=np.float32))


class Judge:
    """An engine that gives the log-odds of Yes that `answers` holds for a word of its prompt."""

    label = "judge"
    evidence_tokens = 400
    small = False

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def choice_logprobs(self, messages, choices):
        assert list(choices) == ["Yes", "No"]
        self.asked.append(messages[-1]["content"])
        return [next(odds for word, odds in self.answers.items() if word in messages[-1]["content"]), 0.0]

    def text_logprob(self, messages, text):
        raise AssertionError

    def answer(self, messages, *, max_tokens):
        raise AssertionError("A judge only gives probabilities.")

    def stream(self, messages, *, max_tokens):
        raise AssertionError("A judge only gives probabilities.")

    def complete(self, prompt, *, max_tokens):
        raise AssertionError("A judge only gives probabilities.")

    def close(self):
        pass


def test_the_share_of_yes_is_the_score():
    judge = Judge({"Tea": math.log(1 / 3), "Coffee": math.log(3), "Maté": 0.0})
    scores = GeneratorReranker(lambda: judge).scores(
        query("Woher kommt Kaffee?"), passages("Tea …", "Coffee …", "Maté …")
    )
    assert scores == pytest.approx([0.25, 0.75, 0.5])
    assert len(judge.asked) == 3
    assert all("Woher kommt Kaffee?" in text for text in judge.asked)


@pytest.fixture(scope="session")
def cross_encoder(base_encoder, tmp_path_factory):
    """A cross-encoder folder: the packaged weights under a head that nobody trained."""
    folder = tmp_path_factory.mktemp("cross") / "encoder"
    CrossEncoder(base_encoder.folder, num_labels=1, device="cpu").save_pretrained(str(folder))
    return folder


@pytest.mark.slow
def test_a_cross_encoder_by_its_folder_orders_the_hits(settings, encoder, cross_encoder):
    with Library(settings.model_copy(update={"rerank": str(cross_encoder)}), encoder) as library:
        library.add_texts(TEXTS)
        hits = library.search("În ce an s-a deschis prima cafenea din Viena?")
        expected = CrossEncoder(str(cross_encoder), device="cpu").predict(
            [("În ce an s-a deschis prima cafenea din Viena?", hit.passage.embedded_text) for hit in hits]
        )
        assert list(expected) == sorted(expected, reverse=True)
        assert isinstance(library.retriever.reranker, CrossEncoderReranker)


def test_a_cross_encoder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(IsthmusError, match=r"re-ranker .*nowhere.* could not be loaded"):
        CrossEncoderReranker(str(tmp_path / "nowhere"))


@pytest.mark.slow
def test_the_setting_names_the_reranker(make_rag):
    rag, engine = make_rag(dict(TEXTS), rerank="generator")
    assert isinstance(rag.library.retriever.reranker, GeneratorReranker)
    engine.choice_logprobs = Judge({"Tea": 9.0, "Coffee": -9.0}).choice_logprobs
    assert [hit.passage.title for hit in rag.search("Woher kommt Kaffee?")] == ["tea", "coffee"]  # as the judge says
    engine.choice_logprobs = lambda messages, choices: (_ for _ in ()).throw(GeneratorError("tells no probabilities"))
    with pytest.raises(GeneratorError, match="tells no probabilities"):
        rag.search("Woher kommt Kaffee?")


@pytest.mark.slow
def test_token_vectors_are_made_when_they_are_wanted_and_forgotten_with_their_document(settings, encoder):
    with Library(settings.model_copy(update={"rerank": "off"}), encoder) as library:
        library.add_texts(TEXTS)
        assert library.retriever.reranker is None
        assert library.collection.tokens is None
    with Library(settings, encoder) as library:  # a library from before
        assert isinstance(library.retriever.reranker, LateInteraction)
        assert library.collection.tokens.ids() == set(library.collection.documents.passage_ids())
        assert library.search("Woher kommt Kaffee?")[0].passage.title == "coffee"
        library.remove(["coffee"])
        assert library.collection.tokens.ids() == set(library.collection.documents.passage_ids())
        library.collection.tokens.delete(library.collection.tokens.ids())
        assert library.check() == ["1 passages are missing from token vectors"]
    with Library(settings, encoder) as library:
        assert library.check() == []

import json
import random

import numpy as np
import pytest

from rag.documents.library import Library
from retriever.search.understanding import fuse_queries, understand

pytestmark = pytest.mark.slow

ENGLISH = {
    "coffee.txt": "Coffee comes from Ethiopia. The first coffee house in Vienna opened in 1685.",
    "tea.txt": "Tea comes from the borderlands of China and Myanmar.",
    "river.txt": "The Danube flows into the Black Sea through a delta in Romania.",
}
QUESTIONS = {
    "ro": "În ce an s-a deschis prima cafenea din Viena?",
    "hi": "वियना में पहला कॉफ़ी हाउस कब खुला?",
    "ar": "متى افتتح أول مقهى في فيينا؟",
    "th": "ร้านกาแฟแห่งแรกในเวียนนาเปิดเมื่อใด",
    "zh": "维也纳的第一家咖啡馆是哪一年开业的？",
}


@pytest.mark.parametrize(("language", "question"), QUESTIONS.items())
def test_finds_english_passages_from_any_language(library, language, question):
    library.add_texts(list(ENGLISH.items()))
    best = library.search(question)[0]
    assert best.passage.title == "coffee"
    assert best.query_language == language
    assert best.passage.language == "en"


async def test_is_a_langchain_retriever_sync_and_async(library):
    library.add_texts(list(ENGLISH.items()))
    documents = library.retriever.invoke("Wo mündet die Donau?")
    assert documents[0].metadata["title"] == "river"
    assert documents[0].metadata.keys() >= {
        "score",
        "dense",
        "lexical",
        "language",
        "query_language",
        "page",
        "start",
        "end",
    }
    assert await library.retriever.ainvoke("Wo mündet die Donau?") == documents


def test_k_above_the_library_and_empty_queries(library):
    assert library.search("anything") == []
    library.add_texts(list(ENGLISH.items()))
    assert len(library.search("coffee", 50)) == 3
    assert library.search("   ") == []


def test_documents_in_the_questions_language_do_not_push_the_english_passage_out(library, data):
    """Half of the articles in English only, the other half in the question's language only."""

    def articles(language):
        return json.loads((data / "xquad" / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]

    english = articles("en")[:6]
    library.add_texts(
        [(f"{i}-{j}.txt", p["context"]) for i, a in enumerate(english) for j, p in enumerate(a["paragraphs"])]
    )
    spoken = {language: articles(language) for language in ("ro", "ar")}
    asked = [
        (language, question["question"], paragraph["context"])
        for language, listed in spoken.items()
        for article, original in zip(listed[:6], english, strict=True)
        for translated, paragraph in zip(article["paragraphs"], original["paragraphs"], strict=True)
        for question in translated["qas"][:1]
    ]

    def found():
        return [
            any(hit.passage.text in context or context in hit.passage.text for hit in library.search(question, 6))
            for _, question, context in asked
        ]

    alone = found()
    for language, listed in spoken.items():
        library.add_texts(
            [
                (f"{language}-{i}-{j}.txt", p["context"])
                for i, a in enumerate(listed[6:18])
                for j, p in enumerate(a["paragraphs"])
            ]
        )
    beside = found()
    assert sum(alone) / len(asked) >= 0.9
    assert sum(beside) >= sum(alone) - 0.07 * len(asked)


def test_a_chroma_server_works_with_the_same_code(settings, encoder, chroma_url):
    remote = settings.model_copy(update={"chroma_url": chroma_url})
    with Library(remote, encoder) as library:
        library.add_texts(list(ENGLISH.items()))
        assert library.search(QUESTIONS["ro"])[0].passage.title == "coffee"
        assert library.check() == []
        library.remove(["coffee.txt"])
        assert library.check() == []
    assert not (remote.library / "vectors").exists()


def test_part_numbers_are_found_in_any_language(library):
    """A hundred parts that differ by their numbers alone, which are permutations of a few digits."""
    rng = random.Random(1)
    numbers = sorted({f"{a}{b}-{''.join(rng.sample('123456', 4))}" for a in "KLM" for b in "RST" for _ in range(20)})
    parts = rng.sample(numbers, 100)
    texts = [
        f"Valve {part} is made of steel and weighs {rng.randint(2, 90)} kilograms. It is delivered within two weeks."
        for part in parts
    ]
    library.add_texts([(f"{part}.txt", text) for part, text in zip(parts, texts, strict=True)])
    asked = ("How much does the valve {} weigh?", "Wie viel wiegt das Ventil {}?", "वाल्व {} का वज़न कितना है?", "{}")
    for question in asked:
        first = [library.search(question.format(part))[0].passage.title == part for part in parts]
        assert sum(first) >= 98, question


@pytest.mark.parametrize("with_tokens", [True, False])
def test_a_translation_that_is_fused_finds_what_the_question_alone_does_not(fake_encoder, with_tokens):
    own = understand("unu doi trei", fake_encoder, language="ro", with_tokens=with_tokens)
    english = understand("one two three", fake_encoder, language="en", with_tokens=with_tokens)
    fused = fuse_queries([own, english])
    assert (fused.text, fused.language) == (own.text, own.language)
    assert float(fused.vector @ own.vector) == pytest.approx(float(fused.vector @ english.vector), abs=1e-6)
    assert np.linalg.norm(fused.vector) == pytest.approx(1, abs=1e-6)
    assert (fused.tokens is None) == (not with_tokens)
    assert fuse_queries([own]) is own


def test_a_rewritten_query_brings_its_vectors_and_its_words(settings, fake_encoder):
    with Library(settings, fake_encoder) as library:
        library.add_texts([("bridge.txt", "The old bridge is open."), ("river.txt", "The river freezes in winter.")])
        retriever = library.retriever.model_copy(update={"rewrites": [lambda *_: "old bridge"]})
        hits = retriever.search(retriever.understand("puente antiguo"))
    assert hits[0].passage.title == "bridge"
    assert hits[0].lexical is not None


def test_hits_of_a_rewritten_query_have_the_querys_own_cosine(settings, fake_encoder):
    with Library(settings, fake_encoder) as library:
        library.add_texts([("bridge.txt", "The old bridge is open."), ("river.txt", "The river freezes in winter.")])
        retriever = library.retriever.model_copy(update={"rewrites": [lambda *_: "old bridge"]})
        query = retriever.understand("The river is long.", language="ro")
        for hit in retriever.search(query):
            own = float(query.vector @ fake_encoder.encode_passages([hit.passage.embedded_text])[0])
            assert hit.dense == pytest.approx(own, abs=1e-3)


def test_one_passage_in_another_language_does_not_switch_words_off(settings, fake_encoder):
    with Library(settings, fake_encoder) as library:
        english = [f"The {word} stands beside the river and is open." for word in ("bridge", "tower", "mill")]
        library.add_texts([*((f"{n}.txt", text) for n, text in enumerate(english)), ("de.txt", "Die Brücke ist alt.")])
        assert len(library.collection.languages()) == 2
        hits = library.retriever.search(library.retriever.understand("tower", language="en"))
        assert hits[0].passage.title == "1"
        assert hits[0].lexical is not None

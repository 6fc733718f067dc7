"""A question is understood once: one detection of its language and one embedding a turn, through the whole pipeline."""

from collections import Counter

import pytest

from rag import Turn
from retriever.languages import detection

pytestmark = pytest.mark.slow

TEXTS = {
    "bologna.txt": "The University of Bologna was founded in 1088. Laura Bassi taught there in 1732.",
    "danube.txt": "The Danube is 2,850 kilometres long.",
}
QUESTIONS = {
    "ro": ("În ce an a fost fondată vestita Universitate din Bologna?", "A fost fondată în anul 1088."),
    "en": ("In which year was the famous University of Bologna founded?", "It was founded in the year 1088."),
    "hi": ("बोलोग्ना के प्रसिद्ध विश्वविद्यालय की स्थापना किस वर्ष हुई?", "इसकी स्थापना वर्ष 1088 में हुई थी।"),
    "th": ("มหาวิทยาลัยโบโลญญาอันโด่งดังก่อตั้งในปีใด", "มหาวิทยาลัยก่อตั้งขึ้นในปี 1088"),
    "zh": ("著名的博洛尼亚大学是哪一年成立的？", "这所大学成立于1088年。"),
}


@pytest.fixture
def detections(monkeypatch):
    """How often each text's language was detected."""
    counts: Counter[str] = Counter()
    detector = detection._fast_detector()

    class Counting:
        def detect(self, text, **options):
            counts[text] += 1
            return detector.detect(text, **options)

    monkeypatch.setattr(detection, "_fast_detector", Counting)
    return counts


@pytest.fixture
def embeddings(encoder, monkeypatch):
    """How often each query text was given to the encoder, whatever its cache holds."""
    counts: Counter[str] = Counter()

    def counting(method):
        original = getattr(encoder, method)

        def call(texts, *arguments, **options):
            counts.update([texts] if isinstance(texts, str) else texts)
            return original(texts, *arguments, **options)

        monkeypatch.setattr(encoder, method, call)

    for method in ("encode_query", "encode_queries", "encode_query_tokens"):
        counting(method)
    return counts


@pytest.mark.parametrize("language", QUESTIONS)
def test_one_detection_and_one_embedding_a_turn(make_rag, detections, embeddings, language):
    question, reply = QUESTIONS[language]
    rag, _ = make_rag(TEXTS, reply)
    detections.clear()
    answer = rag.ask(question)
    assert (answer.language, answer.abstained) == (language, False)
    assert detections[question.lower()] == 1
    assert embeddings[question] == 1
    # Nor is any other text, such as the answer's sentence, understood twice.
    assert max(detections.values()) == 1
    assert max(embeddings.values()) == 1


def test_a_search_needs_one_of_each(make_rag, detections, embeddings):
    rag, _ = make_rag(TEXTS)
    detections.clear()
    question = QUESTIONS["ro"][0]
    assert rag.search(question)[0].passage.title == "bologna"
    assert detections == {question.lower(): 1}
    assert embeddings == {question: 1}


def test_a_follow_up_and_what_it_is_rewritten_to_are_two_questions(make_rag, detections, embeddings):
    question, rewritten = "Dar cine a predat atunci acolo?", "Cine a predat la Universitatea din Bologna atunci?"
    rag, _ = make_rag(TEXTS, rewritten, "Laura Bassi a predat acolo în 1732.")
    detections.clear()
    rag.ask(question, history=[Turn("user", QUESTIONS["ro"][0]), Turn("assistant", "În 1088.")])
    assert detections[question.lower()] == 1
    assert embeddings[question] == 1  # to see whether it stands alone
    assert embeddings[rewritten] == 1


def test_demonstrations_reuse_the_questions_vector(make_rag, embeddings, tmp_path):
    rows = [
        f'{{"id": "{n}", "question": "What is the time {n} month after May, 1990?", "answers": ["x"]}}'
        for n in range(1, 5)
    ]
    pool = tmp_path / "pool.jsonl"
    pool.write_text("\n".join(rows) + "\n", encoding="utf-8")
    rag, engine = make_rag(TEXTS, "1732", demonstrations=pool, grounding="off")
    question = "Cine a predat la Universitatea din Bologna în 1732?"
    rag.ask(question)
    assert len(engine.asked[0]) == 2 + 2 * 3
    assert embeddings[question] == 1

"""Documents made to be found: what a stranger's upload can push out of the answers of others."""

import pytest

from rag.documents.library import Library
from rag.documents.sample import add_sample
from rag.settings import load_settings

pytestmark = pytest.mark.slow

IRRELEVANT = {
    "hi": "ताज़ी सब्ज़ियाँ हर सुबह बाज़ार में आती हैं, और दुकानदार उन्हें टोकरियों में रखते हैं।",
    "ar": "تصل الخضروات الطازجة إلى السوق كل صباح، ويضعها الباعة في السلال.",
    "th": "ผักสดมาถึงตลาดทุกเช้า และพ่อค้าคัดแยกใส่ตะกร้า",
    "el": "Τα φρέσκα λαχανικά φτάνουν στην αγορά κάθε πρωί και οι έμποροι τα βάζουν σε καλάθια.",
    "ro": "Legumele proaspete ajung la piață în fiecare dimineață, iar vânzătorii le pun în coșuri.",
    "zh": "新鲜蔬菜每天早上运到市场，商贩把它们放进篮子里。",
}
QUESTIONS = {
    "hi": "पनामा नहर कब खोली गई थी?",
    "ar": "متى افتتحت قناة بنما؟",
    "th": "คลองปานามาเปิดเมื่อใด",
    "el": "Πότε άνοιξε η διώρυγα του Παναμά;",
    "ro": "Când a fost deschis Canalul Panama?",
    "zh": "巴拿马运河什么时候开通？",
}


@pytest.fixture(scope="module")
def sample(encoder, tmp_path_factory):
    settings = load_settings(library=tmp_path_factory.mktemp("poisoned") / "library")
    with Library(settings, encoder) as library:
        add_sample(library)
        yield library


def test_a_passage_in_a_rare_language_does_not_stand_out_for_its_rarity(sample):
    """Encoders prefer passages in the question's own language, whatever they say."""
    for language, text in IRRELEVANT.items():
        sample.add_texts([("market.txt", text)])
        titles = [hit.passage.title for hit in sample.search(QUESTIONS[language])]
        sample.remove(["market.txt"])
        assert titles[0] == "Panama Canal", language
        assert "market" not in titles, language


def test_one_document_cannot_fill_the_hits(sample):
    """Paragraphs that say the questions again, each a little otherwise."""
    paragraphs = [f"Part {n}. {' '.join(QUESTIONS.values())} Panama Canal, opened, opening. " * 3 for n in range(8)]
    sample.add_texts([("spam.txt", "\n\n".join(paragraphs))])
    titles = {language: [hit.passage.title for hit in sample.search(text, 6)] for language, text in QUESTIONS.items()}
    sample.remove(["spam.txt"])
    assert max(found.count("spam") for found in titles.values()) == 4
    for language, found in titles.items():
        assert "Panama Canal" in found, language

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.languages.sentences import THAI_CLAUSE, split_sentences, text_weight

TEXTS = {
    "en": ("Dr. Smith came in 1990. He left! Did he?", 3),
    "hi": ("यह भारत है। यह बड़ा है।", 2),
    "zh": ("北京是首都。人口很多！你好吗？", 3),
    "ar": ("هذا بيت. هل هو كبير؟ نعم.", 3),
    "ur": ("یہ گھر ہے۔ وہ نہیں۔", 2),
    "km": ("ភ្នំពេញជារាជធានី។ វាធំណាស់។", 2),
    "th": ("กรุงเทพมหานครเป็นเมืองหลวงและนครที่มีประชากรมากที่สุดของประเทศไทย ก่อตั้งในปีพุทธศักราชสองพันสามร้อยยี่สิบห้า", 2),
    "ro": ("A fost fondată în 1088. Este veche.", 2),
}


@pytest.mark.parametrize(("language", "case"), TEXTS.items())
def test_sentences_of_every_script(language, case):
    text, count = case
    assert len(split_sentences(text, language)) == count


@given(st.text(max_size=300), st.sampled_from(list(TEXTS)))
def test_sentences_follow_each_other_and_nothing_is_lost(text, language):
    covered = 0
    for start, end in split_sentences(text, language):
        assert covered <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        assert not text[covered:start].strip()
        covered = end
    assert not text[covered:].strip()


def test_a_blank_line_ends_a_sentence_and_a_line_break_does_not():
    text = "A heading\n\nOne sentence\nof two lines."
    sentences = [text[start:end] for start, end in split_sentences(text, "en")]
    assert sentences == ["A heading", "One sentence\nof two lines."]


def test_a_long_thai_clause_ends_at_a_space_and_a_short_one_does_not():
    clause = "ก" * THAI_CLAUSE
    assert split_sentences(f"{clause} {clause}", "th") == [(0, THAI_CLAUSE), (THAI_CLAUSE + 1, 2 * THAI_CLAUSE + 1)]
    assert split_sentences("กก กก", "th") == [(0, 5)]


@pytest.mark.parametrize(("text", "weight"), [("", 0), ("Rome", 4), ("北京", 4), ("서울", 4), ("กรุง", 8), ("Рим", 3)])
def test_dense_scripts_weigh_double(text, weight):
    assert text_weight(text) == weight

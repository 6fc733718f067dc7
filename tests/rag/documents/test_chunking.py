from hypothesis import given
from hypothesis import strategies as st

from rag.documents.chunking import split_into_passages
from rag.documents.parsing import Page, clean_text
from retriever.languages.sentences import text_weight

LANGUAGES = ["en", "hi", "zh", "ar", "ur", "km", "th", "ro"]


@given(st.text(max_size=400), st.sampled_from(LANGUAGES), st.integers(20, 200))
def test_offsets_are_right_and_nothing_is_lost(raw, language, limit):
    text = clean_text(raw)
    spans = split_into_passages(Page(None, text), language, limit)
    covered = 0
    for start, end in spans:
        assert 0 <= covered <= start < end <= len(text)
        assert not text[covered:start].strip()
        assert text[start:end] == text[start:end].strip()
        assert text_weight(text[start:end]) <= limit
        covered = end
    assert not text[covered:].strip()


def test_a_passage_ends_with_a_sentence():
    text = " ".join(f"This is sentence number {n}." for n in range(40))
    spans = split_into_passages(Page(None, text), "en", 200)
    assert len(spans) > 3
    assert all(text[start:end].endswith(".") for start, end in spans)


def test_dense_scripts_make_shorter_passages():
    assert all(end - start <= 110 for start, end in split_into_passages(Page(None, "北京是首都。" * 100), "zh", 200))

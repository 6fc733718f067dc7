import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.languages.words import language_neutral_words, tokenize


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The École, founded 1088", ["the", "ecole", "founded", "1088"]),
        ("Șaptesprezece Ştefan", ["saptesprezece", "stefan"]),
        ("स्थापना १९४७", ["स्थापना", "1947"]),
        ("北京大学", ["北京", "京大", "大学"]),
        ("กรุงเทพ", ["กร", "รุ", "ุง", "งเ", "เท", "ทพ"]),
        ("الجامعة ١٠٨٨", ["الجامعة", "1088"]),
        ("GPT4的模型", ["gpt4", "的模", "模型"]),
        ("！？ …", []),
    ],
)
def test_tokenize(text, terms):
    assert tokenize(text) == terms


@given(st.text())
def test_tokens_are_neither_empty_nor_spaced(text):
    assert all(term and not any(character.isspace() for character in term) for term in tokenize(text))


def test_shared_words_are_numbers_and_names():
    assert (
        language_neutral_words("Wann wurde in Bologna die 1088 gegründete Schule von NATO besucht?")
        == "Bologna 1088 Schule NATO"
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("wann kam es an", ""),
        ("Who was he?", ""),  # a capital at the start of a sentence is no name
        ("GPT4 oder gpt-5", "GPT4 5"),
        ("१९४७ में क्या हुआ", "१९४७"),
        ("USA", "USA"),
    ],
)
def test_words_without_a_name_or_number_are_left_out(query, words):
    assert language_neutral_words(query) == words

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriever.languages.normalization import MAX_MARKS, nfc


@given(st.text(max_size=MAX_MARKS))
def test_ordinary_text_becomes_nfc(text):
    assert nfc(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("text", ["हिन्दी", "Việt Nam", "ภาษาไทย", "עִבְרִית", "e\u0301"])
def test_marks_that_spelling_needs_stay(text):
    assert nfc(text) == unicodedata.normalize("NFC", text)


def test_a_long_run_of_marks_is_cut():
    assert len(nfc("b" + "\u0323" * 80_000 + "c")) <= MAX_MARKS + 2

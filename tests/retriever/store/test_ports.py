"""The same tests over every engine of the stores: what Collection and search expect of VectorStore and TokenStore."""

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from qdrant_client import QdrantClient

from retriever.errors import IsthmusError
from retriever.models.normalization import normalize
from retriever.models.protocols import PassageEncoder
from retriever.store import qdrant as qdrant_module
from retriever.store import vectors as vectors_module
from retriever.store.max_sim import max_similarities
from retriever.store.ports import TokenStore, VectorStore
from retriever.store.qdrant import QdrantTokenVectors, QdrantVectors
from retriever.store.qdrant_server import QdrantServer, connect
from retriever.store.token_vectors import TokenVectorStore
from retriever.store.vectors import VectorIndex
from tests.conftest import unused_port
from tests.qdrant_edge import EdgeClient
from tests.qdrant_edge import engine as engine_of
from tests.qdrant_rest import qdrant_app, running

QDRANT_URL, QDRANT_KEY = os.environ.get("ISTHMUS_QDRANT_URL"), os.environ.get("ISTHMUS_QDRANT_API_KEY")
PACKED = 0.01
"""How far 8 bits may take a cosine away."""
ROWS = [("a-0", "a", "en"), ("a-1", "a", "ro"), ("b-0", "b", "en")]


@dataclass
class Engine:
    """Opens stores; a name or a library that was opened before has what was written."""

    open_vectors: Callable[..., VectorStore]  # (encoder, name, fresh=False)
    open_tokens: Callable[[PassageEncoder, str], TokenStore]


def chroma(tmp_path, **place) -> Engine:
    def open_tokens(encoder: PassageEncoder, library: str) -> TokenStore:
        store = TokenVectorStore(tmp_path / f"{library}.sqlite")
        store.claim(encoder.encode_passages(["probe"])[0])
        return store

    return Engine(lambda encoder, name, **options: VectorIndex(encoder, name=name, **place, **options), open_tokens)


def qdrant(server: QdrantServer) -> Engine:
    return Engine(
        lambda encoder, name, **options: QdrantVectors(server, encoder, name, **options),
        lambda encoder, library: QdrantTokenVectors(server, encoder, library),
    )


@pytest.fixture(
    params=[
        "Chroma embedded",
        pytest.param("Chroma server", marks=pytest.mark.slow),
        "Qdrant in memory",
        "Qdrant in a folder",
        "Qdrant over HTTP",
        "Qdrant's engine",
        "Qdrant's engine over HTTP",
        pytest.param(
            "Qdrant server",
            marks=pytest.mark.skipif(not QDRANT_URL, reason="ISTHMUS_QDRANT_URL names no Qdrant server"),
        ),
    ]
)
def engine(request, tmp_path) -> Iterator[Engine]:
    match request.param:
        case "Chroma embedded":
            yield chroma(tmp_path, path=tmp_path / "vectors")
        case "Chroma server":
            yield chroma(tmp_path, url=request.getfixturevalue("chroma_url"))
        case "Qdrant in memory":
            yield qdrant(QdrantServer(QdrantClient(":memory:"), "memory"))
        case "Qdrant in a folder":
            server = QdrantServer(QdrantClient(path=str(tmp_path / "qdrant")), "a folder")
            yield qdrant(server)
            server.close()
        case "Qdrant over HTTP" | "Qdrant's engine over HTTP" as over_http:
            is_engine = "engine" in over_http
            client = engine_of(EdgeClient(tmp_path / "qdrant")).client if is_engine else QdrantClient(":memory:")
            with running(qdrant_app(client), unused_port()) as url:
                server = connect(url)
                yield qdrant(server)
                server.close()
            client.close()
        case "Qdrant's engine":
            server = engine_of(EdgeClient(tmp_path / "qdrant"))
            yield qdrant(server)
            server.close()
        case _:
            server = connect(str(QDRANT_URL), QDRANT_KEY)
            before = {collection.name for collection in server.client.get_collections().collections}
            yield qdrant(server)
            for collection in server.client.get_collections().collections:
                if collection.name not in before:
                    server.client.delete_collection(collection.name)
            server.close()


def directions(*rows: tuple[float, ...]) -> np.ndarray:
    """Unit vectors of the fake encoder's width whose first components are these."""
    wide = np.zeros((len(rows), 64), dtype=np.float32)
    for number, row in enumerate(rows):
        wide[number, : len(row)] = row
    return wide


VECTORS = directions((1, 0, 0), (0.8, 0.6, 0), (0.6, 0, 0.8))  # cosines with (1, 0, 0): 1, .8 and .6
X = VECTORS[0]


@pytest.fixture
def name() -> str:
    """A collection's name that no other test has."""
    return f"isthmus-{uuid.uuid4().hex}-0"


@pytest.fixture
def vectors(engine, fake_encoder, name):
    opened = engine.open_vectors(fake_encoder, name)
    opened.add(ROWS, VECTORS)
    yield opened
    opened.close()


@pytest.fixture
def tokens(engine, fake_encoder, name):
    opened = engine.open_tokens(fake_encoder, name)
    yield opened
    opened.close()


class Rotated:
    """An encoder whose vectors are another's with the components moved by one."""

    name = "rotated"

    def __init__(self, encoder):
        self._encoder = encoder

    def encode_passages(self, texts):
        return np.roll(self._encoder.encode_passages(texts), 1, axis=1)

    def encode_passage_tokens(self, texts):
        return self.encode_passages(texts), self._encoder.encode_passage_tokens(texts)[1]


# Vectors


def test_search_returns_cosines_best_first(vectors):
    hits = vectors.search(X, 3)
    assert [id_ for id_, _ in hits] == ["a-0", "a-1", "b-0"]
    assert [cosine for _, cosine in hits] == pytest.approx([1, 0.8, 0.6], abs=1e-5)
    assert vectors.search(X, 1) == hits[:1]
    assert vectors.search(X, 50) == hits


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"language": "en"}, ["a-0", "b-0"]),
        ({"language": "hi"}, []),
        ({"document": "a"}, ["a-0", "a-1"]),
        ({"language": {"$nin": ["ro", "hi"]}}, ["a-0", "b-0"]),
        ({"language": {"$nin": ["en", "ro"]}}, []),
        (None, ["a-0", "a-1", "b-0"]),
    ],
)
def test_search_filters_by_language_and_document(vectors, where, ids):
    assert [id_ for id_, _ in vectors.search(X, 3, where)] == ids


def test_an_empty_store_finds_nothing(engine, fake_encoder, name):
    store = engine.open_vectors(fake_encoder, name)
    assert (len(store), store.ids(), store.read(["a-0"]), store.read([])) == (0, set(), {}, {})
    assert store.search(X, 3) == []
    assert store.sample_baseline(10).languages == ()
    store.add([], VECTORS[:0])
    store.delete(["a-0"])
    store.close()


def test_adding_an_id_again_replaces_it(vectors):
    vectors.add([("a-0", "a", "de")], VECTORS[2:])
    assert len(vectors) == 3
    assert vectors.search(X, 1, {"language": "de"})[0][1] == pytest.approx(0.6, abs=1e-5)


def test_delete_ignores_unknown_ids(vectors):
    vectors.delete(["a-0", "nothing"])
    assert vectors.ids() == {"a-1", "b-0"}
    vectors.delete([])
    assert len(vectors) == 2


def test_read_leaves_out_what_is_not_there(vectors):
    stored = vectors.read(["b-0", "nothing", "a-1"])
    assert stored.keys() == {"a-1", "b-0"}
    np.testing.assert_allclose(stored["b-0"], VECTORS[2], atol=1e-6)
    assert vectors.read(["nothing"]) == {}


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_pages_of_any_size_hold_everything(vectors, monkeypatch, size):
    for module in (vectors_module, qdrant_module):
        monkeypatch.setattr(module, "PAGE" if module is qdrant_module else "PAGE_SIZE", size)
    monkeypatch.setattr(qdrant_module, "READ_PAGE", size)
    monkeypatch.setattr(qdrant_module, "REQUEST_NUMBERS", 64 * size + 1)
    more = [(f"c-{n}", "c", "en") for n in range(5)]
    vectors.add(more, np.tile(X, (5, 1)))
    everything = {row[0] for row in [*ROWS, *more]}
    assert vectors.ids() == vectors.read(sorted(everything)).keys() == everything
    vectors.delete([row[0] for row in more])
    assert vectors.ids() == {row[0] for row in ROWS}


def test_the_baseline_has_vectors_with_their_languages(vectors):
    baseline = vectors.sample_baseline(10)
    by_language = sorted(zip(baseline.languages, baseline.vectors[:, :3].round(5).tolist(), strict=True))
    expected = sorted(zip(["en", "ro", "en"], VECTORS[:, :3].round(5).tolist(), strict=True))
    assert [language for language, _ in by_language] == [language for language, _ in expected]
    np.testing.assert_allclose([row for _, row in by_language], [row for _, row in expected], atol=1e-5)
    assert len(vectors.sample_baseline(2).vectors) == 2


def test_a_name_that_is_opened_again_has_what_was_written(vectors, engine, fake_encoder, name):
    vectors.close()
    again = engine.open_vectors(fake_encoder, name)
    assert [id_ for id_, _ in again.search(X, 3)] == ["a-0", "a-1", "b-0"]
    again.close()


def test_another_encoders_vectors_are_refused(vectors, engine, fake_encoder, name):
    with pytest.raises(IsthmusError, match="were made by the encoder 'fake', not by 'rotated'"):
        engine.open_vectors(Rotated(fake_encoder), name)
    assert len(vectors) == 3  # nothing was deleted


def test_fresh_deletes_the_collection_of_that_name_alone(vectors, engine, fake_encoder, name):
    other = engine.open_vectors(fake_encoder, f"{name}1")
    other.add(ROWS[:1], VECTORS[:1])
    fresh = engine.open_vectors(Rotated(fake_encoder), name, fresh=True)
    assert (len(fresh), len(other)) == (0, 1)
    for store in (other, fresh):
        store.close()


def test_leftovers_are_deleted_and_other_collections_stay(vectors, engine, fake_encoder, name):
    foreign = f"isthmus-{uuid.uuid4().hex}-0"
    for other_name in (f"{name}1", f"{name}2", foreign):
        other = engine.open_vectors(fake_encoder, other_name)
        other.add(ROWS[:1], VECTORS[:1])
        other.close()
    vectors.drop_others(lambda other_name: other_name.startswith(name))
    assert len(vectors) == 3
    for other_name, count in ((f"{name}1", 0), (f"{name}2", 0), (foreign, 1)):
        other = engine.open_vectors(fake_encoder, other_name)
        assert len(other) == count
        other.close()


# Token vectors


def random_tokens(*lengths: int) -> list[np.ndarray]:
    generator = np.random.default_rng(7)
    return [normalize(generator.normal(size=(length, 64)).astype(np.float32)) for length in lengths]


def test_token_vectors_are_as_they_were_written(tokens, engine, fake_encoder, name):
    rows = dict(zip("abc", random_tokens(5, 1, 200), strict=True))
    tokens.add(rows)
    tokens.add({})
    for store in (tokens, engine.open_tokens(fake_encoder, name)):
        assert store.ids() == set("abc")
        stored = store.read(["c", "nothing", "a"])
        assert stored.keys() == {"a", "c"}
        for id_, each in stored.items():
            np.testing.assert_allclose(each, rows[id_], atol=PACKED)
    tokens.add({"a": rows["b"]})
    assert tokens.read(["a"])["a"].shape == (1, 64)
    tokens.delete(["a", "nothing"])
    assert tokens.ids() == {"b", "c"}
    assert tokens.read([]) == {}


def test_max_similarities_are_the_means_of_the_greatest_cosines(tokens):
    query, *passages = random_tokens(12, 1, 30, 7, 90)
    tokens.add(dict(zip("abcd", passages, strict=True)))
    scores = tokens.max_similarities(query, ["c", "nothing", "a", "d"])
    expected = dict(zip("abcd", max_similarities(query, passages), strict=True))
    assert scores == pytest.approx({id_: expected[id_] for id_ in "acd"}, abs=PACKED)
    assert tokens.max_similarities(query, ["nothing"]) == tokens.max_similarities(query, []) == {}
    assert tokens.max_similarities(passages[1], ["b"])["b"] == pytest.approx(1, abs=PACKED)


def test_token_vectors_of_another_encoder_are_forgotten(tokens, engine, fake_encoder, name):
    tokens.add({"a": random_tokens(3)[0]})
    tokens.close()
    again = engine.open_tokens(Rotated(fake_encoder), name)
    assert again.ids() == set()
    again.close()


def test_libraries_have_token_vectors_of_their_own(tokens, engine, fake_encoder, name):
    other = engine.open_tokens(fake_encoder, f"{name}-other")
    tokens.add({"a": random_tokens(3)[0]})
    assert other.ids() == set()
    other.delete(["a"])
    assert tokens.ids() == {"a"}
    other.close()

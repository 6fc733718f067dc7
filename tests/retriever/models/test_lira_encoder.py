"""The encoder of LiRA's folders, with the real base model and an untrained network, which takes the mean."""

import shutil

import numpy as np
import pytest

from rag.build import build_encoder
from rag.documents.library import Library
from retriever.errors import IsthmusError
from retriever.models.encoder import Encoder
from retriever.models.lira import LiraNetwork
from retriever.models.lira_encoder import LiraEncoder
from retriever.store.max_sim import max_similarities

YORUBA, ENGLISH = "Kí ni olú-ìlú Faransé?", "What is the capital of France?"


@pytest.fixture(scope="module")
def folder(base_encoder, tmp_path_factory):
    """The base encoder's folder with an untrained network in it."""
    path = tmp_path_factory.mktemp("lira") / "my-lira"
    shutil.copytree(base_encoder.folder, path)
    LiraNetwork(base_encoder.dimensions, ["yo"]).save(path)
    return path


@pytest.fixture
def make_encoder(folder, cache):
    def make(*translators):
        return LiraEncoder(str(folder), cache=cache, translators=translators, backend="torch")

    return make


def translate(text, source, target):
    """Knows one question."""
    return ENGLISH if (text, target) == (YORUBA, "en") else None


def test_the_query_is_fused_with_its_translation(make_encoder, base_encoder):
    encoder = make_encoder(translate)
    vector, tokens = encoder.encode_query(YORUBA, "yo")
    own, english = (base_encoder.encode_query(text, code)[0] for text, code in ((YORUBA, "yo"), (ENGLISH, "en")))
    mean = (own + english) / np.linalg.norm(own + english)
    assert float(vector @ mean) > 0.999
    assert tokens is not None
    passages = ["Paris is the capital of France.", "Rice grows in wet fields."]
    stored = base_encoder.encode_passage_tokens(passages)[1]
    fused, alone = (max_similarities(t, stored) for t in (tokens, base_encoder.encode_query(YORUBA, "yo")[1]))
    assert fused[0] - fused[1] > alone[0] - alone[1]
    np.testing.assert_allclose(encoder.encode_queries([YORUBA])[0], own, atol=1e-3)  # other texts go alone


@pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), ("Unde este Parisul?", "ro")])
def test_without_a_translation_it_is_the_base_encoder(make_encoder, base_encoder, text, language):
    vector, tokens = make_encoder(translate).encode_query(text, language)
    base_vector, base_tokens = base_encoder.encode_query(text, language)
    np.testing.assert_allclose(vector, base_vector, atol=1e-3)
    assert tokens is not None
    assert base_tokens is not None
    assert len(tokens) == len(base_tokens)
    np.testing.assert_allclose(make_encoder().encode_queries([text]), base_encoder.encode_queries([text]), atol=1e-3)


def test_the_network_chooses_among_several_translations(make_encoder):
    encoder = make_encoder(lambda *_: "Rice grows in wet fields.", lambda *_: None, translate)
    assert encoder._translate(YORUBA, "yo") == ["Rice grows in wet fields.", ENGLISH]
    vector, _ = encoder.encode_query(YORUBA, "yo")
    single = [make_encoder(lambda *_, t=t: t).encode_query(YORUBA, "yo")[0] for t in encoder._translate(YORUBA, "yo")]
    assert max(float(vector @ other) for other in single) > 0.9999


def test_a_folder_without_a_network_says_how_to_make_one(base_encoder, cache):
    with pytest.raises(IsthmusError, match="isthmus align --method lira"):
        LiraEncoder(base_encoder.folder, cache=cache)


def test_a_network_of_other_dimensions_is_refused(base_encoder, cache, tmp_path):
    shutil.copytree(base_encoder.folder, tmp_path / "other")
    LiraNetwork(64).save(tmp_path / "other")
    with pytest.raises(IsthmusError, match="64 dimensions and an encoder of 384"):
        LiraEncoder(str(tmp_path / "other"), cache=cache, backend="torch")


def test_the_library_searches_with_the_engines_translations(folder, settings, scripted, tmp_path):
    settings = settings.model_copy(update={"encoder": str(folder), "cache": tmp_path, "backend": "torch"})
    engine = scripted(ENGLISH)
    with Library(settings, engine=lambda: engine) as library:
        assert isinstance(library.encoder, LiraEncoder)
        library.add_texts(
            [("france.txt", "Paris is the capital of France."), ("rice.txt", "Rice grows in wet fields.")]
        )
        assert library.search(YORUBA)[0].passage.title == "france"
        assert len(engine.asked) == 1
        library.search(YORUBA)
        assert len(engine.asked) == 1  # the translation is kept
    assert type(build_encoder(settings)) is Encoder  # nobody translates

"""Every architecture of encoders through the product's whole way, with small random models."""

import json
import logging
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense
from torch.nn import functional

from rag.build import build_encoder
from rag.documents.library import Library
from retriever.alignment.data import ParallelText
from retriever.alignment.methods.clitssa import Clitssa
from retriever.alignment.methods.offset import language_offsets
from retriever.alignment.methods.registry import build_method
from retriever.alignment.plan import Plan, read_material
from retriever.alignment.recipe import Recipe
from retriever.alignment.run import tune
from retriever.errors import IsthmusError
from retriever.models.backends import describe_backend, exported, open_backend
from retriever.models.backends.exported import ExportedBackend
from retriever.models.backends.pytorch import TorchBackend
from retriever.models.encoder import Encoder
from retriever.models.normalization import normalize
from retriever.models.offsets import save_offsets

pytestmark = pytest.mark.slow

EXPORTED = ["bert", "bert-tanh", "xlm-roberta", "modernbert", "gemma3", "qwen3", "qwen3-no-special-tokens"]
PROMPT_LEFT_OUT = "bert-prompt-left-out"
TEXTS = [
    "Când a fost fondată universitatea?",
    "x",
    " ",
    "विश्वविद्यालय की स्थापना कब हुई?",
    "地峡",
    "The Danube is the second-longest river in Europe. " * 80,  # longer than the models read
    "the university was founded in 1859, near the isthmus",
]


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """A cache for the exports of this module."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def open_encoder(small_encoder, own_cache):
    """The encoder of an architecture."""

    def make(name: str, backend=None) -> Encoder:
        return Encoder(str(small_encoder(name)), cache=own_cache, device="cpu", backend=backend)

    return make


def rowwise_cosines(left, right):
    return (normalize(np.asarray(left)) * normalize(np.asarray(right))).sum(axis=1)


@pytest.mark.parametrize("name", [*EXPORTED, PROMPT_LEFT_OUT])
def test_vectors_are_those_of_sentence_transformers(small_encoder, open_encoder, name):
    original = SentenceTransformer(str(small_encoder(name)), device="cpu")
    queries, passages = original.encode_query(TEXTS), original.encode_document(TEXTS)
    encoder = open_encoder(name)
    assert isinstance(encoder._backend, ExportedBackend if name in EXPORTED else TorchBackend)
    for backend in (encoder, open_encoder(name, "torch")):
        assert rowwise_cosines(backend.encode_queries(TEXTS), queries).min() > 0.999
        assert rowwise_cosines(backend.encode_passages(TEXTS), passages).min() > 0.999
        np.testing.assert_allclose(np.linalg.norm(backend.encode_passages(TEXTS), axis=1), 1, atol=1e-4)
        assert np.isfinite(backend.encode_passages([""])).all()


@pytest.mark.parametrize("name", EXPORTED)
def test_token_vectors_are_alike_on_both_back_ends_whatever_is_beside_them(open_encoder, name):
    encoder, reference = open_encoder(name), open_encoder(name, "torch")
    vectors, tokens = encoder.encode_passage_tokens([*TEXTS, ""])
    _, reference_tokens = reference.encode_passage_tokens([*TEXTS, ""])
    single_tokens = [encoder.encode_passage_tokens([text])[1][0] for text in [*TEXTS, ""]]
    assert rowwise_cosines(vectors, encoder.encode_passages([*TEXTS, ""])).min() > 0.999
    for ours, theirs, alone in zip(tokens, reference_tokens, single_tokens, strict=True):
        assert len(ours) > 0
        assert ours.shape == theirs.shape == alone.shape
        assert rowwise_cosines(ours, theirs).min() > 0.999
        assert rowwise_cosines(ours, alone).min() > 0.999


@pytest.mark.parametrize("name", ["gemma3", "qwen3"])
def test_the_prompt_and_special_tokens_are_no_token_vectors(open_encoder, name):
    encoder = open_encoder(name)
    backend = encoder._backend
    assert isinstance(backend, ExportedBackend)
    text = "the university was founded"
    words = backend._tokenizer.encode(text, add_special_tokens=False).tokens
    for prefix, (_, tokens) in (
        (encoder.query_prefix, encoder.encode_query(text, "en")),
        (encoder.passage_prefix, (None, encoder.encode_passage_tokens([text])[1][0])),
    ):
        whole = backend._tokenizer.encode(prefix + text, add_special_tokens=False).tokens
        assert tokens is not None
        assert len(tokens) == len(whole) - len(backend._tokenizer.encode(prefix.rstrip(), add_special_tokens=False))
        assert abs(len(tokens) - len(words)) <= 1


def test_dense_modules_apply_to_token_vectors(small_encoder, open_encoder):
    model = SentenceTransformer(str(small_encoder("gemma3")), device="cpu")
    encoder = open_encoder("gemma3")
    outputs: Any = model.encode([TEXTS[0]], prompt=encoder.passage_prefix, output_value=None)
    mapped = outputs[0]["token_embeddings"]
    for module in model:
        if isinstance(module, Dense):
            mapped = mapped @ module.linear.weight.detach().T
    expected = functional.normalize(mapped, dim=-1).detach().numpy()
    tokens = encoder.encode_passage_tokens([TEXTS[0]])[1][0]
    content = expected[-1 - len(tokens) : -1]  # before <eos>
    assert rowwise_cosines(tokens, content).min() > 0.999
    untouched = functional.normalize(outputs[0]["token_embeddings"], dim=-1).detach().numpy()
    assert rowwise_cosines(tokens, untouched[-1 - len(tokens) : -1]).max() < 0.9


@pytest.mark.parametrize("name", [*EXPORTED, PROMPT_LEFT_OUT])
def test_a_library_is_filled_and_searched(settings, small_encoder, own_cache, name):
    chosen = settings.model_copy(update={"encoder": str(small_encoder(name)), "cache": own_cache, "device": "cpu"})
    texts = {"one.txt": "Die Universität wurde 1859 gegründet.", "two.txt": "The Danube is long. " * 90, "x.txt": "x"}
    with Library(chosen, build_encoder(chosen)) as library:
        library.add_texts(list(texts.items()))
        hits = library.search("Când a fost fondată universitatea?")
        assert {hit.passage.text[:5] for hit in hits} == {"Die U", "The D", "x"}
        assert all(np.isfinite(hit.score) for hit in hits)


@pytest.fixture(scope="module")
def parallel_data(tmp_path_factory):
    """Six made-up articles in English and Romanian, as parallel SQuAD."""
    folder = tmp_path_factory.mktemp("data")
    question = {"en": "What was founded in {}?", "ro": "Ce a fost fondat în {}?"}
    for code, template in question.items():
        articles = [
            {
                "title": f"Article {article}",
                "paragraphs": [
                    {
                        "context": f"The university {article} was founded in {1859 + 10 * article + n}.",
                        "qas": [
                            {
                                "id": f"{article}-{n}",
                                "question": template.format(1859 + 10 * article + n),
                                "answers": [{"text": f"university {article}", "answer_start": 4}],
                            }
                        ],
                    }
                    for n in range(3)
                ],
            }
            for article in range(6)
        ]
        (folder / f"made.{code}.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "method"),
    [("xlm-roberta", "late"), ("modernbert", "late"), ("gemma3", "late"), ("qwen3", "late"), ("gemma3", "distill")],
)
def test_every_architecture_is_aligned(open_encoder, parallel_data, tmp_path, own_cache, name, method):
    base = open_encoder(name, "torch")
    recipe = Recipe(steps=1, batch=4, learning_rate=1e-2, warmup=0, max_tokens=48)
    chosen = build_method(method, {})
    assert not isinstance(chosen, Clitssa)
    plan = Plan(chosen, (parallel_data,), tmp_path / "out", recipe, test_articles=1, dev_articles=0)
    tune(plan, read_material(plan), base)
    tuned = Encoder(str(tmp_path / "out"), cache=own_cache, device="cpu", backend="torch")
    assert (tuned.query_prefix, tuned.passage_prefix) == (base.query_prefix, base.passage_prefix)
    query, tokens = tuned.encode_query("Ce a fost fondat?", "ro")
    assert tokens is not None
    assert np.isfinite(tokens).all()
    assert float(query @ base.encode_query("Ce a fost fondat?", "ro")[0]) < 0.99999
    assert float(tuned.encode_query("What?", "en")[0] @ base.encode_query("What?", "en")[0]) > 0.99999
    moved = float(tuned.encode_passages(["Donau"])[0] @ base.encode_passages(["Donau"])[0]) < 0.99999
    assert moved == (method == "distill")


@pytest.mark.parametrize("name", ["modernbert", "gemma3", "qwen3"])
def test_offsets_are_measured_and_taken_off(small_encoder, open_encoder, own_cache, tmp_path, name):
    encoder = open_encoder(name)
    texts = [
        ParallelText("ro", f"Propoziția {n} despre râu", f"Sentence {n} about the river", "pair") for n in range(60)
    ]
    offsets, count = language_offsets(texts, encoder)
    assert count == 60
    folder = tmp_path / name
    SentenceTransformer(str(small_encoder(name)), device="cpu").save_pretrained(str(folder), create_model_card=False)
    save_offsets(offsets, folder)
    shifted = Encoder(str(folder), cache=own_cache, device="cpu", backend="torch")
    query = encoder.encode_query("Propoziția despre râu", "ro")[0]
    expected = normalize(query - offsets["ro"])
    assert float(shifted.encode_query("Propoziția despre râu", "ro")[0] @ expected) > 0.999
    assert float(query @ expected) < 0.999


def test_vectors_are_cut_to_the_dimensions_that_the_model_names(small_encoder, own_cache, tmp_path):
    model = SentenceTransformer(str(small_encoder("gemma3")), device="cpu", truncate_dim=16)
    model.save_pretrained(str(tmp_path / "cut"), create_model_card=False)
    encoder = Encoder(str(tmp_path / "cut"), cache=own_cache, device="cpu")
    assert isinstance(encoder._backend, ExportedBackend)
    assert rowwise_cosines(encoder.encode_passages(TEXTS), model.encode_document(TEXTS)).min() > 0.999
    assert encoder.encode_query("x", "en")[0].shape == (16,)


def test_what_cannot_be_exported_runs_on_torch_and_is_not_tried_again(small_encoder, own_cache, caplog, monkeypatch):
    folder = str(small_encoder(PROMPT_LEFT_OUT))
    open_backend(folder, own_cache, device="cpu")
    monkeypatch.setattr(exported, "_export", lambda *_: pytest.fail("exported again"))
    with caplog.at_level(logging.WARNING):
        caplog.clear()
        assert isinstance(open_backend(folder, own_cache, device="cpu"), TorchBackend)
    assert len(caplog.messages) == 1
    assert "it runs on torch in " in caplog.messages[0]
    assert "openvino cannot compute it (ValueError: it gives other vectors" in describe_backend(
        folder, own_cache, device="cpu"
    )
    with pytest.raises(IsthmusError, match="set backend to auto or torch"):
        open_backend(folder, own_cache, "openvino")


def test_a_model_is_described_without_being_opened(small_encoder, tmp_path):
    folder = str(small_encoder("bert"))
    assert "prepared at first use" in describe_backend(folder, tmp_path, device="cpu")
    assert describe_backend(folder, tmp_path, "torch") == "on torch in float32"
    assert describe_backend("somebody/model", tmp_path, device="cpu").startswith("on torch in ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["bert-tanh", "gemma3", "qwen3"])
def test_bf16_gives_almost_the_same_vectors_of_unit_length(small_encoder, name):
    quick, exact = (TorchBackend(str(small_encoder(name)), "cpu", p) for p in ("bfloat16", "float32"))
    assert {parameter.dtype for parameter in quick.model.parameters()} == {torch.bfloat16}
    vectors = quick.encode(TEXTS, "query", "")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert rowwise_cosines(vectors, exact.encode(TEXTS, "query", "")).min() > 0.99
    encoded = quick.encode_tokens(TEXTS, "query", "")
    assert rowwise_cosines([one.vector for one in encoded], vectors).min() > 0.99


@pytest.mark.parametrize(
    ("prompts", "roles"),
    [
        ({"query": "q: ", "document": "d: "}, {"query": "q: ", "document": "d: "}),
        ({"query": "q: ", "passage": "p: "}, {"query": "q: ", "document": "p: "}),
        ({"query": "q: ", "corpus": "c: ", "document": ""}, {"query": "q: ", "document": "c: "}),
        ({"Retrieval-query": "q: ", "Retrieval-document": "d: "}, {"query": "q: ", "document": "d: "}),
        ({"query": "q: "}, {"query": "q: "}),
        ({"Clustering": "c: "}, {}),
    ],
)
def test_prompts_by_the_models_own_names(small_encoder, tmp_path, prompts, roles):
    model = SentenceTransformer(str(small_encoder("bert")), device="cpu")
    model.prompts = prompts
    model.save_pretrained(str(tmp_path / "named"), create_model_card=False)
    assert TorchBackend(str(tmp_path / "named"), "cpu").prompts == roles


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("modules.json", lambda modules: [{**modules[0], "type": "custom_st.Transformer"}, *modules[1:]]),
        ("config.json", lambda config: {**config, "model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}),
    ],
)
def test_a_model_with_code_of_its_own_is_refused_in_one_sentence(small_encoder, tmp_path, file, change):
    folder = tmp_path / "own"
    SentenceTransformer(str(small_encoder("bert")), device="cpu").save_pretrained(str(folder), create_model_card=False)
    config = json.loads((folder / file).read_text(encoding="utf-8"))
    (folder / file).write_text(json.dumps(change(config)), encoding="utf-8")
    (folder / "own.py").write_text("raise SystemExit('ran')", encoding="utf-8")
    with pytest.raises(IsthmusError) as refused:
        Encoder(str(folder), cache=tmp_path, backend="torch")
    assert str(refused.value).endswith("runs code of its own, which Isthmus does not allow; name another encoder.")

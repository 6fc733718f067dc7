"""The exported networks against sentence-transformers itself, with the real model."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.modules import Router

from retriever.errors import IsthmusError
from retriever.models.backends import exported, open_backend
from retriever.models.backends.exported import ExportedBackend, exported_folder
from retriever.models.backends.pytorch import TorchBackend
from retriever.models.encoder import Encoder
from retriever.models.registry import encoder_folder

pytestmark = pytest.mark.slow

TEXTS = [
    "Când a fost fondată universitatea?",
    "ताजमहल किसने बनवाया?",
    "متى افتتحت قناة السويس؟",
    "ใครเป็นผู้ประดิษฐ์แท่นพิมพ์",
    "长城有多长？",
    "x",
    "The Danube is the second-longest river in Europe. " * 80,  # longer than the model reads
]


@pytest.fixture(scope="module")
def original(cache):
    return TorchBackend(str(encoder_folder(cache)), "cpu")


@pytest.mark.parametrize(("runtime", "least"), [("openvino", 0.9995), ("onnx", 0.99)])
def test_an_exported_network_computes_the_same(original, cache, runtime, least):
    backend = open_backend(str(encoder_folder(cache)), cache, runtime)
    assert (backend.dimensions, backend.prompts) == (384, original.prompts)
    for role in ("query", "document"):
        prompt = original.prompts[role]
        vectors = backend.encode(TEXTS, role, prompt)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
        cosines = (vectors * original.encode(TEXTS, role, prompt)).sum(axis=1)
        assert cosines.min() >= least, cosines


def test_texts_come_back_in_their_order_whatever_is_beside_them(cache):
    backend = open_backend(str(encoder_folder(cache)), cache, "openvino")
    texts = [f"{text} {n}" for n in range(4) for text in TEXTS]
    batch_vectors = backend.encode(texts, "document", "passage: ")
    single_vectors = np.concatenate([backend.encode([text], "document", "passage: ") for text in texts])
    assert (batch_vectors * single_vectors).sum(axis=1).min() > 0.9998
    assert backend.encode([], "query", "").shape == (0, 384)


def test_a_folder_runs_on_openvino_and_a_hub_id_on_torch(cache, tmp_path):
    assert isinstance(open_backend(str(encoder_folder(cache)), cache, device="cpu"), ExportedBackend)
    with pytest.raises(IsthmusError, match="set backend to torch"):
        open_backend("somebody/some-model", cache, "openvino")


def test_a_model_with_two_sides_is_exported_with_both(cache, original, tmp_path):
    negated = SentenceTransformer(str(encoder_folder(cache)), device="cpu")
    embeddings = negated.transformers_model.get_input_embeddings()
    assert isinstance(embeddings, torch.nn.Embedding)
    embeddings.weight.data.neg_()
    sides = [[child for child in model if isinstance(child, Module)] for model in (negated, original.model)]
    assert list(map(len, sides)) == [len(negated), len(original.model)]
    model = SentenceTransformer(modules=[Router.for_query_document(sides[0], sides[1])], device="cpu")
    model.save_pretrained(str(tmp_path / "routed"), create_model_card=False)
    backend = open_backend(str(tmp_path / "routed"), tmp_path, "openvino")
    torch_backend = TorchBackend(str(tmp_path / "routed"), "cpu")
    queries, passages = (backend.encode(TEXTS, role, "") for role in ("query", "document"))
    assert (queries * torch_backend.encode(TEXTS, "query", "")).sum(axis=1).min() > 0.9995
    assert (passages * torch_backend.encode(TEXTS, "document", "")).sum(axis=1).min() > 0.9995
    assert (queries * passages).sum(axis=1).max() < 0.99


def test_a_network_that_computes_something_else_is_not_kept(cache, tmp_path, monkeypatch):
    def load_network(file: Path):
        return lambda ids, mask: np.eye(len(ids), 384, dtype=np.float32)

    monkeypatch.setitem(exported._NETWORK_LOADERS, "openvino", load_network)
    with pytest.raises(IsthmusError, match="gives other vectors"):
        exported_folder("openvino", encoder_folder(cache), tmp_path)
    assert [file.name for file in tmp_path.glob("*-openvino/*")] == [exported.FAILURE_FILE]


def test_a_changed_model_is_exported_anew(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    before = exported._fingerprint(tmp_path, "openvino")
    assert before == exported._fingerprint(tmp_path, "openvino") != exported._fingerprint(tmp_path, "onnx")
    (tmp_path / "model.safetensors").write_bytes(b"other")
    assert exported._fingerprint(tmp_path, "openvino") != before


def test_an_answer_needs_no_torch(encoder):
    code = (
        "import sys; from pathlib import Path; from retriever.models.encoder import Encoder;"
        f"Encoder(cache=Path({str(encoder.cache)!r}), device='cpu').encode_queries(['unu', 'When was it founded?']);"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers') if name in sys.modules])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "[]", done.stderr


def test_networks_are_freed_before_the_interpreter_ends(encoder):
    script = (
        "import atexit, sys; from pathlib import Path; backends = []\n"
        "atexit.register(lambda: print(len(backends[0]._networks)))  # the first registered runs last\n"
        "from retriever.models.encoder import Encoder\n"
        f"encoder = Encoder(cache=Path({str(encoder.cache)!r}), backend='openvino')\n"
        "encoder.encode_queries(['unu']); backends.append(encoder._backend); print(len(backends[0]._networks))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]


def test_openvino_sends_no_telemetry(encoder, tmp_path):
    """Its telemetry leaves a client id in ~/intel before it sends anything."""
    code = (
        "import sys; from pathlib import Path; from retriever.models.encoder import Encoder;"
        f"Encoder(cache=Path({str(encoder.cache)!r}), backend='openvino').encode_queries(['unu']);"
        "import openvino.tools.ovc.telemetry_utils as used; print(used.tm.__name__)"
    )
    home = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=home)
    assert done.stdout.strip() == "openvino.tools.ovc.telemetry_stub", done.stderr
    assert not (tmp_path / "intel").exists()


def test_the_model_itself_is_there_for_training(base_encoder):
    assert isinstance(base_encoder, Encoder)
    vectors = base_encoder.model.encode_query(["unu"], normalize_embeddings=True)
    assert float(np.asarray(vectors)[0] @ base_encoder.encode_queries(["unu"])[0]) > 0.9995

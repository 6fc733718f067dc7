"""The exported networks against sentence-transformers itself, with the real model."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Router

from retriever.errors import IsthmusError
from retriever.models.backends import exported, open_backend
from retriever.models.backends.exported import ExportedBackend, prepare
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
    ours = open_backend(str(encoder_folder(cache)), cache, runtime)
    assert (ours.dimensions, ours.prompts) == (384, original.prompts)
    for role in ("query", "document"):
        prompt = original.prompts[role]
        vectors = ours.encode(TEXTS, role, prompt)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
        cosines = (vectors * original.encode(TEXTS, role, prompt)).sum(axis=1)
        assert cosines.min() >= least, cosines


def test_texts_come_back_in_their_order_whatever_is_beside_them(cache):
    ours = open_backend(str(encoder_folder(cache)), cache, "openvino")
    many = [f"{text} {n}" for n in range(4) for text in TEXTS]
    together = ours.encode(many, "document", "passage: ")
    alone = np.concatenate([ours.encode([text], "document", "passage: ") for text in many])
    assert (together * alone).sum(axis=1).min() > 0.9998
    assert ours.encode([], "query", "").shape == (0, 384)


def test_a_folder_runs_on_openvino_and_a_hub_id_on_torch(cache, tmp_path):
    assert isinstance(open_backend(str(encoder_folder(cache)), cache, device="cpu"), ExportedBackend)
    with pytest.raises(IsthmusError, match="set backend to torch"):
        open_backend("somebody/some-model", cache, "openvino")


def test_a_model_with_two_sides_is_exported_with_both(cache, original, tmp_path):
    turned = SentenceTransformer(str(encoder_folder(cache)), device="cpu")
    turned.transformers_model.get_input_embeddings().weight.data.neg_()
    sides = [list(model.children()) for model in (turned, original.model)]
    model = SentenceTransformer(modules=[Router.for_query_document(*sides)], device="cpu")
    model.save_pretrained(str(tmp_path / "routed"), create_model_card=False)
    ours = open_backend(str(tmp_path / "routed"), tmp_path, "openvino")
    theirs = TorchBackend(str(tmp_path / "routed"), "cpu")
    queries, passages = (ours.encode(TEXTS, role, "") for role in ("query", "document"))
    assert (queries * theirs.encode(TEXTS, "query", "")).sum(axis=1).min() > 0.9995
    assert (passages * theirs.encode(TEXTS, "document", "")).sum(axis=1).min() > 0.9995
    assert (queries * passages).sum(axis=1).max() < 0.99


def test_a_network_that_computes_something_else_is_not_kept(cache, tmp_path, monkeypatch):
    def opened(file: Path):
        return lambda ids, mask: np.eye(len(ids), 384, dtype=np.float32)

    monkeypatch.setitem(exported._OPEN, "openvino", opened)
    with pytest.raises(IsthmusError, match="gives other vectors"):
        prepare("openvino", encoder_folder(cache), tmp_path)
    assert not list(tmp_path.glob("*-openvino"))


def test_a_changed_model_is_exported_anew(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    before = exported._fingerprint(tmp_path)
    assert before == exported._fingerprint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other")
    assert exported._fingerprint(tmp_path) != before


def test_an_answer_needs_no_torch(encoder):
    code = (
        "import sys; from pathlib import Path; from retriever.encoder import Encoder;"
        f"Encoder(cache=Path({str(encoder.cache)!r}), device='cpu').encode_queries(['unu', 'When was it founded?']);"
        "print([name for name in ('torch', 'transformers', 'sentence_transformers') if name in sys.modules])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "[]", done.stderr


def test_networks_are_let_go_before_the_interpreter_ends(encoder):
    script = (
        "import atexit, sys; from pathlib import Path; kept = []\n"
        "atexit.register(lambda: print(len(kept[0]._runs)))  # the first registered runs last\n"
        "from retriever.encoder import Encoder\n"
        f"encoder = Encoder(cache=Path({str(encoder.cache)!r}), backend='openvino')\n"
        "encoder.encode_queries(['unu']); kept.append(encoder._backend); print(len(kept[0]._runs))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]


def test_openvino_tells_nobody(encoder, tmp_path):
    """Its telemetry leaves a client id in ~/intel before it sends anything."""
    code = (
        "import sys; from pathlib import Path; from retriever.encoder import Encoder;"
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

"""What the doctor says of the encoder and of the embedded generator."""

import pytest
from qdrant_client import QdrantClient

from rag.generation.embedded import RuntimeChoice
from rag.settings import load_settings
from retriever.store.opening import open_documents
from tests.qdrant_rest import qdrant_app, running
from ui.cli import doctor


def finding_on(subject, settings):
    return next(finding for finding in doctor.examine(settings) if finding.subject == subject)


def generator(settings):
    return finding_on("generator", settings)


def test_what_computes_the_encoder_is_shown(settings, tmp_path):
    settings = settings.model_copy(update={"cache": tmp_path, "device": "cpu"})
    unfetched = finding_on("encoder", settings)
    assert unfetched.state.endswith("not fetched yet")
    assert unfetched.remedy
    (tmp_path / "own").mkdir()
    own = settings.model_copy(update={"encoder": str(tmp_path / "own")})
    assert finding_on("encoder", own).state == f"{tmp_path / 'own'}, on openvino, for which it is prepared at first use"
    on_torch = own.model_copy(update={"backend": "torch"})
    assert finding_on("encoder", on_torch).state == f"{tmp_path / 'own'}, on torch in float32"


@pytest.fixture
def gguf(settings, tmp_path):
    file = tmp_path / "mine.gguf"
    settings = settings.model_copy(
        update={"generator": "embedded", "embedded_model": str(file), "cache": tmp_path / "cache"}
    )
    return settings, file


def test_a_missing_file_has_a_remedy(gguf):
    settings, _ = gguf
    assert generator(settings).remedy == "Correct embedded_model."
    packaged = generator(settings.model_copy(update={"embedded_model": "0.5b"}))
    assert "fetched at the first question" in packaged.remedy


def test_the_runtime_and_its_seconds_are_shown(gguf, monkeypatch):
    settings, file = gguf
    file.write_bytes(b"GGUF")
    assert "chosen at first use" in generator(settings).state
    choice = RuntimeChoice("openvino", 1.5e9, {"llama.cpp": 3.56, "openvino": 1.61})
    monkeypatch.setattr(doctor, "read_choice", lambda *_: choice)
    finding = generator(settings)
    assert "in openvino, ready (a test: llama.cpp 3.6 s, openvino 1.6 s)" in finding.state
    assert not finding.remedy


def test_where_the_vectors_live_is_shown(settings, free_port):
    assert finding_on("vectors", settings).state == "in the library's folder (Chroma)"
    chroma = settings.model_copy(update={"chroma_url": "http://me:secret@127.0.0.1:8001"})
    assert finding_on("vectors", chroma).state == "on a Chroma server at http://127.0.0.1:8001"
    gone = finding_on("vectors", settings.model_copy(update={"qdrant_url": f"http://127.0.0.1:{free_port}"}))
    assert "No Qdrant server answers" in gone.remedy
    with running(qdrant_app(QdrantClient(":memory:")), free_port) as url:
        there = finding_on("vectors", settings.model_copy(update={"qdrant_url": url}))
    assert (there.state, there.remedy) == (f"on the Qdrant server at {url}, which answers", "")


@pytest.mark.slow
def test_where_the_documents_live_is_shown(settings, free_port, postgresql):
    servers = {"qdrant_url": f"http://127.0.0.1:{free_port}"}
    remote = load_settings(settings, **servers, documents_url=postgresql.new_database())
    settings.library.mkdir()
    open_documents(settings.library, remote.documents_address).close()
    finding = finding_on("library", remote)
    assert "0 documents, 0 passages" in finding.state
    assert f"documents in postgresql://127.0.0.1:{postgresql.port}/test_" in finding.state
    assert "set documents_url" in finding_on("library", settings).remedy

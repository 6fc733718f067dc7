"""What the doctor says of the encoder and of the embedded generator."""

import pytest

from rag.generation.embedded import RuntimeChoice
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

"""Which runtime an embedded model gets."""

import time
from typing import Any

import pytest

from rag.errors import GeneratorError
from rag.generation import embedded
from rag.generation.embedded import PROBES, open_embedded, read_choice
from rag.generation.engine import Completion
from rag.generation.openvino_conversion import convert_once, converted_folder


class Timed:
    """An engine that takes so long for each answer."""

    def __init__(self, seconds, text, parameters=1.5e9):
        self.seconds, self.text, self.parameters = seconds, text, parameters
        self.closed = False
        self.asked = 0

    def answer(self, messages, *, max_tokens):
        self.asked += 1
        time.sleep(self.seconds)
        return Completion(self.text)

    def close(self):
        self.closed = True


@pytest.fixture
def runtimes(monkeypatch, settings, tmp_path):
    """Both runtimes as given; what is opened is kept in `opened`."""
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF")
    opened = []

    def make(llama_cpp, openvino):
        def open_one(engine):
            def opener(*_):
                if isinstance(engine, Exception):
                    raise engine
                opened.append(engine)
                return engine

            return opener

        monkeypatch.setattr(embedded, "open_llama_cpp", open_one(llama_cpp))
        monkeypatch.setattr(embedded, "open_openvino", open_one(openvino))
        changes = {"embedded_model": str(gguf), "cache": tmp_path / "cache"}
        return settings.model_copy(update=changes), gguf, opened

    return make


def test_the_faster_one_is_chosen_once(runtimes):
    slow: Any = Timed(0.02, "He painted the door.")
    fast: Any = Timed(0.0, "He painted the door again.")
    settings, gguf, opened = runtimes(slow, fast)
    assert open_embedded(settings) == fast
    choice = read_choice(gguf, settings.cache)
    assert (choice.runtime, choice.parameters, set(choice.seconds)) == ("openvino", 1.5e9, {"llama.cpp", "openvino"})
    assert opened == [slow, fast, fast]
    assert slow.closed
    assert open_embedded(settings) == fast
    assert (slow.asked, fast.asked) == (len(PROBES), len(PROBES))


def test_the_slower_one_is_not(runtimes):
    settings, _, opened = runtimes(Timed(0.0, "the door"), Timed(0.02, "the door"))
    assert open_embedded(settings) is opened[0]


def test_a_conversion_that_answers_otherwise_is_not_used(runtimes):
    settings, gguf, opened = runtimes(Timed(0.01, "He painted the door."), Timed(0.0, "!!!!!!!!"))
    assert open_embedded(settings) is opened[0]
    assert read_choice(gguf, settings.cache).runtime == "llama.cpp"


def test_a_file_that_openvino_cannot_read_stays_with_llama_cpp(runtimes):
    settings, gguf, opened = runtimes(Timed(0.0, "the door"), GeneratorError("OpenVINO cannot read it."))
    assert open_embedded(settings) is opened[0]
    assert set(read_choice(gguf, settings.cache).seconds) == {"llama.cpp"}


def test_a_changed_file_or_a_damaged_choice_is_measured_anew(runtimes, tmp_path):
    settings, gguf, _ = runtimes(Timed(0.01, "the door"), Timed(0.0, "the door"))
    open_embedded(settings)
    before = converted_folder(gguf, settings.cache)
    (choice_file,) = (settings.cache / "openvino").glob("*.json")
    choice_file.write_text("{", encoding="utf-8")
    assert read_choice(gguf, settings.cache) is None
    gguf.write_bytes(b"GGUF, another")
    assert converted_folder(gguf, settings.cache) != before


def test_a_missing_file_is_named(settings):
    with pytest.raises(GeneratorError, match=r"nowhere\.gguf"):
        open_embedded(settings.model_copy(update={"embedded_model": "nowhere.gguf"}))


@pytest.mark.slow
def test_no_gguf_is_a_clear_error_and_leaves_nothing(tmp_path):
    gguf = tmp_path / "text.gguf"
    gguf.write_text("This is no model.", encoding="utf-8")
    with pytest.raises(GeneratorError, match="OpenVINO cannot read"):
        convert_once(gguf, tmp_path / "cache")
    assert not converted_folder(gguf, tmp_path / "cache").exists()

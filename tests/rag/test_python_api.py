"""What a Python developer meets: `from rag import …`, settings and overrides, answers that do not change."""

import dataclasses
import operator
import pickle
from importlib.resources import files

import pytest
from frozendict import frozendict

import rag
from rag import RAG, Answer, IsthmusError, Settings
from rag.settings import load_settings

TEXTS = {"bologna.txt": "The University of Bologna was founded in 1088."}
QUESTION = "Când a fost fondată Universitatea din Bologna?"
REPLY = "A fost fondată în anul 1088."


def test_everything_that_a_user_catches_or_receives_is_exported():
    for name in rag.__all__:
        assert getattr(rag, name).__name__ == name
    errors = (rag.GeneratorError, rag.LibraryBusyError, rag.UnreadableFileError, rag.DataError)
    assert all(issubclass(error, IsthmusError) for error in errors)
    assert issubclass(rag.GeneratorOverloadError, rag.GeneratorError)
    with pytest.raises(AttributeError, match="no attribute 'Rag'"):
        _ = rag.Rag


@pytest.mark.parametrize("package", ["rag", "retriever", "prompts"])
def test_the_package_is_typed_for_its_users(package):
    assert files(package).joinpath("py.typed").is_file()


def test_an_answer_is_immutable_and_hashable():
    answer = Answer("text", "ro", timings=frozendict(total=1.0))
    assert hash(answer) == hash(Answer("text", "ro", timings=frozendict(total=1.0)))
    assert answer != dataclasses.replace(answer, text="other")
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.text = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        operator.setitem(answer.timings, "total", 2.0)  # type: ignore[call-overload]
    assert dataclasses.asdict(answer)["timings"] == {"total": 1.0}
    assert pickle.loads(pickle.dumps(answer)) == answer


@pytest.mark.slow
def test_a_draft_does_not_change_after_it_was_yielded(make_rag):
    rag_, _ = make_rag(TEXTS, REPLY)
    seen = [(answer, dict(answer.timings), answer.text) for answer in rag_.stream(QUESTION)]
    assert len(seen) > 2
    assert all(answer.timings == timings and answer.text == text for answer, timings, text in seen)
    assert "total" in seen[-1][1]
    assert seen[0][1].keys() < seen[-1][1].keys()


@pytest.mark.slow
def test_the_first_argument_is_a_folder_or_settings_and_keywords_override(settings, encoder, tmp_path):
    with RAG(str(tmp_path / "docs"), encoder=encoder, top_k=3, cache=settings.cache) as opened:
        assert (opened.settings.library, opened.settings.top_k) == (tmp_path / "docs", 3)
        assert opened.library.retriever.k == 3
    with RAG(tmp_path / "docs", encoder=encoder, cache=settings.cache) as opened:
        assert opened.library.folder == tmp_path / "docs"
    with RAG(settings, encoder=encoder, generator="embedded") as opened:
        assert opened.settings.generator == "embedded"
        assert opened.settings.library == settings.library
    assert settings.generator == "auto"  # the settings that were given stay as they are


def test_an_unknown_keyword_raises_and_leaves_nothing_behind(settings):
    with pytest.raises(IsthmusError, match="'librry'"):
        RAG(settings, generator="embedded", librry="typo")
    with pytest.raises(IsthmusError, match="'generator'"):
        RAG(settings, generator="best")
    with pytest.raises(IsthmusError, match="'librry'"):
        RAG(librry="typo")
    assert not settings.library.exists()


def test_settings_are_read_once(settings, monkeypatch):
    monkeypatch.setenv("ISTHMUS_TOP_K", "9")
    assert load_settings().top_k == 9
    assert load_settings(settings, grounding="flag").top_k == settings.top_k
    assert isinstance(load_settings(settings), Settings)


@pytest.mark.slow
def test_a_missing_file_is_told_in_the_result(make_rag, tmp_path):
    rag_, _ = make_rag(TEXTS)
    (result,) = rag_.add(tmp_path / "missing.pdf")
    assert (result.status, result.passages) == ("failed", 0)
    assert result.reason == "missing.pdf: there is no such file."
    assert [document.title for document in rag_.documents()] == ["bologna"]

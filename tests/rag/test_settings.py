from pathlib import Path

import pytest
from platformdirs import user_config_path

from rag.settings import Settings, load_settings
from retriever.errors import IsthmusError


def write_toml(text: str) -> None:
    """isthmus.toml in the user's configuration folder, which is the test's own."""
    path = user_config_path("isthmus", ensure_exists=True) / "isthmus.toml"
    path.write_text(text, encoding="utf-8")


def test_arguments_go_before_the_environment_before_the_file(monkeypatch):
    default = load_settings().top_k
    assert default == 6
    write_toml("top_k = 7\npassage_chars = 700\nport = 7000\n")
    monkeypatch.setenv("ISTHMUS_TOP_K", "8")
    monkeypatch.setenv("ISTHMUS_PORT", "8000")
    settings = load_settings(top_k=9)
    assert (settings.top_k, settings.port, settings.passage_chars) == (9, 8000, 700)


def test_none_means_unset(monkeypatch):
    monkeypatch.setenv("ISTHMUS_TOP_K", "8")
    assert load_settings(top_k=None, model=None).top_k == 8
    assert load_settings(load_settings(top_k=9), top_k=None).top_k == 9


def test_overrides_on_given_settings_change_nothing_else(monkeypatch):
    settings = load_settings(top_k=3, generator="embedded")
    monkeypatch.setenv("ISTHMUS_TOP_K", "8")
    write_toml("port = 7000\n")
    changed = load_settings(settings, passage_chars=500)
    assert changed == settings.model_copy(update={"passage_chars": 500})
    assert settings.passage_chars == 800


def test_a_secret_survives_overrides_and_is_not_shown():
    settings = load_settings(load_settings(api_key="s3cret"), top_k=3)
    assert settings.api_key.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        ({"librry": "typo"}, "librry"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": "many"}, "top_k"),
        ({"generator": "oracle"}, "generator"),
        ({"timeout": 0}, "timeout"),
        ({"port": 65536}, "port"),
        ({"passage_chars": 99}, "passage_chars"),
    ],
)
def test_a_bad_override_is_named(overrides, key):
    with pytest.raises(IsthmusError, match=rf"Setting '{key}': .*docs/settings\.md"):
        load_settings(**overrides)
    with pytest.raises(IsthmusError, match=rf"Setting '{key}'"):
        load_settings(load_settings(), **overrides)


def test_a_bad_environment_or_file_is_named(monkeypatch):
    monkeypatch.setenv("ISTHMUS_TOP_K", "many")
    with pytest.raises(IsthmusError, match=r"Setting 'top_k': .*got 'many'"):
        load_settings()
    monkeypatch.delenv("ISTHMUS_TOP_K")
    write_toml("rernk = 'off'\n")
    with pytest.raises(IsthmusError, match="Setting 'rernk'"):
        load_settings()
    write_toml("top_k = = 3\n")
    with pytest.raises(IsthmusError, match=r"isthmus\.toml could not be read"):
        load_settings()


def test_every_setting_is_described_and_listed():
    table = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    for key, field in Settings.model_fields.items():
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{key}` |")]
        assert field.description
        assert row.endswith(f"| {field.description} |")

"""Settings of strangers: files in the working folder, keys for other endpoints, bad values, secrets in messages."""

import subprocess
from pathlib import Path

import pytest
from platformdirs import user_config_path

from prompts import check_language, load_prompt
from rag.settings import load_settings
from retriever.errors import IsthmusError

SECRET = "sk-s3cret"


def write_user_file(text: str) -> Path:
    path = user_config_path("isthmus", ensure_exists=True) / "isthmus.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(**overrides: object) -> str:
    """The message about settings that must not load; it is one line."""
    with pytest.raises(IsthmusError) as raised:
        load_settings(**overrides)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_file_in_the_working_folder_is_not_read(caplog):
    Path("isthmus.toml").write_text('endpoint = "http://stranger.example/v1"\ntop_k = 9\n')
    settings = load_settings()
    assert (settings.endpoint, settings.top_k) == (None, 6)
    load_settings()
    (warning,) = caplog.messages
    assert "is not read; move it to" in warning
    assert str(user_config_path("isthmus") / "isthmus.toml") in warning


def test_the_warning_is_one_line_on_stderr(command, tmp_path):
    (tmp_path / "isthmus.toml").write_text("top_k = 'many'\n")
    arguments = command("list", "--json", ISTHMUS_LIBRARY=str(tmp_path / "library"))
    done = subprocess.run(**arguments, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[]\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("isthmus.toml in the working folder is not read; move it to ")


def test_a_file_named_by_hand_is_read_without_a_warning(monkeypatch, caplog):
    Path("isthmus.toml").write_text("top_k = 9\n")
    monkeypatch.setenv("ISTHMUS_CONFIG", "isthmus.toml")
    assert load_settings().top_k == 9
    assert not caplog.messages


@pytest.mark.parametrize("name", ["nowhere.toml", ".", "/dev/zero", "a\nb"])
def test_a_file_named_by_hand_must_exist(monkeypatch, name):
    monkeypatch.setenv("ISTHMUS_CONFIG", name)
    assert "there is no such file" in refusal()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 100_000, b"top_k = = 3", b"top_k = 1\ntop_k = 2"])
def test_a_damaged_file_is_one_sentence(content):
    write_user_file("").write_bytes(content)
    assert "isthmus.toml could not be read" in refusal()


@pytest.mark.parametrize(("key", "address"), [("api_key", "endpoint"), ("qdrant_api_key", "qdrant_url")])
def test_a_key_of_the_environment_goes_to_no_server_of_a_file(monkeypatch, key, address):
    path = write_user_file(f'{address} = "http://stranger.example/v1"\n')
    monkeypatch.setenv(f"ISTHMUS_{key.upper()}", SECRET)
    message = refusal()
    assert str(path) in message
    assert f"set ISTHMUS_{address.upper()} too" in message
    assert SECRET not in message


def test_vectors_live_on_one_server():
    message = refusal(chroma_url="http://127.0.0.1:8001", qdrant_url="http://127.0.0.1:6333")
    assert message.startswith("Setting 'qdrant_url': chroma_url is set too, and vectors live on one server; unset one.")


def test_documents_on_a_server_need_vectors_on_one():
    url = f"postgresql://me:{SECRET}@db/isthmus"
    message = refusal(documents_url=url)
    assert message.startswith("Setting 'documents_url': qdrant_url is needed too, so that vectors are on a server as")
    assert SECRET not in message
    settings = load_settings(documents_url=url, qdrant_url="http://127.0.0.1:6333")
    assert settings.documents_address == url
    assert SECRET not in repr(settings)


def test_a_key_goes_to_the_endpoint_that_is_named_with_it(monkeypatch):
    write_user_file(f'endpoint = "http://file.example/v1"\napi_key = "{SECRET}"\n')
    assert load_settings().api_key.get_secret_value() == SECRET
    write_user_file('endpoint = "http://file.example/v1"\n')
    monkeypatch.setenv("ISTHMUS_API_KEY", "sk-environment")
    assert load_settings(endpoint="http://argument.example/v1").endpoint == "http://argument.example/v1"
    assert load_settings(api_key=SECRET).api_key.get_secret_value() == SECRET
    monkeypatch.setenv("ISTHMUS_ENDPOINT", "http://environment.example/v1")
    assert load_settings().endpoint == "http://environment.example/v1"


@pytest.mark.parametrize("seconds", ["inf", "nan", "-inf", "1e300", "-1", "0"])
def test_timeouts_of_no_end(monkeypatch, seconds):
    monkeypatch.setenv("ISTHMUS_TIMEOUT", seconds)
    assert refusal().startswith("Setting 'timeout': ")


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://",
        "http:///v1",
        "file:///etc/passwd",
        "ftp://example.org/v1",
        "javascript:alert(1)",
        "127.0.0.1:8000",
        "http://a:99999999/v1",
        "http://a b/v1",
        "http://a\nb/v1",
        "http://a\\b/v1",
        "",
    ],
)
@pytest.mark.parametrize("name", ["endpoint", "chroma_url", "qdrant_url"])
def test_addresses_that_are_none(name, url):
    assert f"Setting '{name}': a web address is needed" in refusal(**{name: url})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "https://me:pass@example.org/v1", "http://[::1]:8000/v1"])
def test_addresses_that_are_some(url):
    assert load_settings(endpoint=url).endpoint == url


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ({"apikey": SECRET}, "apikey"),
        ({"api_key": [SECRET]}, "api_key"),
        ({"api_key": f"{SECRET}\n"}, "api_key"),
        ({"api_key": f"{SECRET}ключ"}, "api_key"),
        ({"api_key": ""}, "api_key"),
        ({"endpoint": f"ftp://me:{SECRET}@example.org"}, "endpoint"),
        ({"chroma_url": f"http://me:{SECRET}@[::1"}, "chroma_url"),
        ({"qdrant_url": f"http://me:{SECRET}@[::1"}, "qdrant_url"),
        ({"qdrant_api_key": f"{SECRET}\n"}, "qdrant_api_key"),
        ({"documents_url": f"postgresql://me:{SECRET}"}, "documents_url"),
        ({"generator": {"api_key": SECRET}}, "generator"),
        ({"top_k": SECRET}, "top_k"),
    ],
)
def test_no_message_repeats_a_secret(overrides, name):
    with pytest.raises(IsthmusError, match=f"Setting '{name}'") as raised:
        load_settings(**overrides)
    assert name == "top_k" or SECRET not in f"{raised.value} {raised.value.__cause__}"


def test_no_message_repeats_a_secret_of_a_file(command, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f'apikey = "{SECRET}"\n')
    arguments = command("list", ISTHMUS_CONFIG=str(path))
    done = subprocess.run(**arguments, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("isthmus: Setting 'apikey': ")
    assert SECRET not in done.stderr


@pytest.mark.parametrize(
    "language", ["../rewrite/en", "/etc/passwd", "en.toml", "en/../ro", "ro\n", "", "\ud800", "a" * 99]
)
def test_a_language_is_no_path(language):
    for task in ("answer", "rewrite"):
        with pytest.raises(IsthmusError, match="is the code of no language"):
            load_prompt(task, language)


@pytest.mark.parametrize("language", ["../rewrite/en", "klingon", "xx", "rom\u00e2n\u0103", "other"])
def test_an_unknown_language(language):
    with pytest.raises(IsthmusError, match="is the code of no language; write one such as ro"):
        check_language(language)


@pytest.mark.parametrize("language", ["ro", "RO", "fi", "hi-Latn", "pt-BR", "zh-Hant"])
def test_a_known_language(language):
    check_language(language)


def test_an_unknown_language_on_the_command_line(command, tmp_path):
    arguments = command("ask", "Ce?", "--language", "../rewrite/en", ISTHMUS_LIBRARY=str(tmp_path / "library"))
    done = subprocess.run(**arguments, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "'../rewrite/en' is the code of no language" in done.stderr

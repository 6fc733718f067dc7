"""Examine the installation: packages, disk, GPU, encoder, generator and library, with a remedy for each fault."""

import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rag.build import connect_qdrant
from rag.generation.client import vllm_model_at
from rag.generation.embedded import read_choice
from rag.generation.vllm_server import has_gpu
from rag.generation.weights import generator_folder, packaged_size
from rag.settings import Settings
from retriever.address import shown_url
from retriever.errors import IsthmusError
from retriever.models.backends import describe_backend
from retriever.models.registry import packaged_encoders
from retriever.store.lock import read_holder
from retriever.store.opening import list_documents

PACKAGES = [
    "isthmus",
    "torch",
    "sentence-transformers",
    "transformers",
    "langchain",
    "chromadb",
    "openvino",
    "openvino-genai",
    "gradio",
    "xllamacpp",
]
NEEDED_GB = 6
"""Disk space for the packaged models."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one part of the installation. `remedy` is empty if nothing is wrong."""

    subject: str
    state: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Examine every part. This changes nothing and starts nothing."""
    return [
        _python(),
        *_packages(),
        _disk(settings.cache),
        _gpu(),
        _encoder(settings),
        _generator(settings),
        _vectors(settings),
        _library(settings),
    ]


def _python() -> Finding:
    python_version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", python_version, "" if sys.version_info >= (3, 11) else "Install Python 3.11 or newer.")


def _packages() -> list[Finding]:
    findings = []
    for name in PACKAGES:
        try:
            findings.append(Finding(name, version(name)))
        except PackageNotFoundError:
            findings.append(Finding(name, "missing", "Run `make setup`."))
    return findings


def _disk(cache: Path) -> Finding:
    folder = next(path for path in (cache, *cache.parents) if path.exists())
    free_gb = shutil.disk_usage(folder).free / 1e9
    remedy = "" if free_gb >= NEEDED_GB else f"Free some space, or set cache to a disk with {NEEDED_GB} GB."
    return Finding("free disk", f"{free_gb:.0f} GB at {folder}", remedy)


def _gpu() -> Finding:
    return Finding("GPU", "NVIDIA, used by `isthmus serve`" if has_gpu() else "none; everything runs on the processor")


def _encoder(settings: Settings) -> Finding:
    folder = packaged_encoders(settings.cache).get(settings.encoder)
    label = f"packaged multilingual-e5-small, {settings.encoder}" if folder else settings.encoder
    if folder and not folder.is_dir():
        return Finding("encoder", f"{label}, not fetched yet", "It is fetched at the first start (about 90 MB).")
    backend = None if settings.backend == "auto" else settings.backend
    return Finding(
        "encoder", f"{label}, {describe_backend(str(folder or label), settings.cache, backend, settings.device)}"
    )


def _generator(settings: Settings) -> Finding:
    if settings.endpoint and settings.generator in ("auto", "endpoint"):
        return Finding("generator", f"endpoint {shown_url(settings.endpoint)}")
    vllm_model = vllm_model_at(f"http://127.0.0.1:{settings.serve_port}/v1")
    if vllm_model and settings.generator in ("auto", "vllm"):
        return Finding("generator", f"{vllm_model}, vLLM on this machine")
    if settings.generator == "vllm":
        return Finding("generator", "no vLLM server is up", "Run `isthmus serve`.")
    if settings.generator == "endpoint":
        return Finding("generator", "no endpoint is named", "Set endpoint (ISTHMUS_ENDPOINT).")
    size = packaged_size(settings.embedded_model)
    gguf = generator_folder(size, settings.cache) / "model.gguf" if size else Path(settings.embedded_model).expanduser()
    if not gguf.is_file():
        remedy = "It is fetched at the first question (0.5 or 1.1 GB)." if size else "Correct embedded_model."
        return Finding("generator", f"embedded {settings.embedded_model}, not there yet", remedy)
    choice = read_choice(gguf, settings.cache)
    if choice is None:
        return Finding("generator", f"embedded {settings.embedded_model}, ready; its runtime is chosen at first use")
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in choice.seconds.items())
    return Finding("generator", f"embedded {settings.embedded_model} in {choice.runtime}, ready (a test: {seconds})")


def _vectors(settings: Settings) -> Finding:
    if settings.qdrant_url:
        try:
            if server := connect_qdrant(settings):
                server.close()
        except IsthmusError as error:
            return Finding("vectors", f"on a Qdrant server at {shown_url(settings.qdrant_url)}", str(error))
        return Finding("vectors", f"on the Qdrant server at {shown_url(settings.qdrant_url)}, which answers")
    if settings.chroma_url:
        return Finding("vectors", f"on a Chroma server at {shown_url(settings.chroma_url)}")
    return Finding("vectors", "in the library's folder (Chroma)")


def _library(settings: Settings) -> Finding:
    try:
        documents = list_documents(settings.library, settings.documents_address)
    except IsthmusError as error:
        return Finding("library", f"in {settings.library}, cannot be read", str(error))
    holder = read_holder(settings.library) if settings.library.exists() else {}
    usage = f", in use by {holder['what']} (process {holder['pid']})" if holder else ""
    passages = sum(document.passages for document in documents)
    address = settings.documents_address
    place = f"{settings.library}, documents in {shown_url(address)}" if address else str(settings.library)
    remedy = "" if documents else "Add documents with `isthmus add PATH…`."
    return Finding("library", f"{len(documents)} documents, {passages} passages in {place}{usage}", remedy)

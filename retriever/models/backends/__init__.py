"""Back-ends compute vectors: sentence-transformers on torch, or the same network exported to OpenVINO or ONNX Runtime.

An exported network needs only a tokenizer and a graph, so a question is answered without torch and transformers. It
uses the processor's fast arithmetic: bf16 matrices (OpenVINO) or 8-bit integers (ONNX Runtime).
`python -m benchmarks.encoder` measures the speed and the loss of each.
"""

import ctypes.util
import logging
from pathlib import Path

from retriever.errors import IsthmusError
from retriever.models.backends.exported import (
    ExportedBackend,
    ExportError,
    export_failure,
    exported_folder,
    is_exported,
)
from retriever.models.backends.protocol import Backend, BackendName, Encoded, Role
from retriever.models.backends.pytorch import TorchBackend, load_model, quick_precision

__all__ = [
    "Backend",
    "BackendName",
    "Encoded",
    "Role",
    "TorchBackend",
    "describe_backend",
    "load_model",
    "open_backend",
]

logger = logging.getLogger(__name__)


def open_backend(model: str, cache: Path, name: BackendName | None = None, device: str | None = None) -> Backend:
    """The back-end of this name, torch in float32.

    Without a name the fastest: OpenVINO for a folder on a processor, else torch, in bf16 where the machine is quick at
    it. torch also runs what OpenVINO cannot; the log says so. Raises IsthmusError if the model cannot be loaded, or
    exported to the back-end named.
    """
    if name == "torch":
        return TorchBackend(model, device)
    folder = Path(model).expanduser()
    if name is None and _wants_torch(folder, device):
        return TorchBackend(model, device, quick_precision(device))
    if not folder.is_dir():
        raise IsthmusError(f"The back-end {name} wants a model folder and {model!r} is none; set backend to torch.")
    try:
        return ExportedBackend(name or "openvino", exported_folder(name or "openvino", folder, cache))
    except ExportError as error:
        if name:
            raise
        backend = TorchBackend(model, device, quick_precision(device))
        logger.warning("%s; it runs on torch in %s.", error.fault, backend.precision)
        return backend


def describe_backend(model: str, cache: Path, name: BackendName | None = None, device: str | None = None) -> str:
    """What `open_backend` opens, in words; this opens and exports nothing."""
    folder = Path(model).expanduser()
    if name == "torch":
        return "on torch in float32"
    if name is None and _wants_torch(folder, device):
        return f"on torch in {quick_precision(device)}"
    runtime = name or "openvino"
    failure = export_failure(runtime, folder, cache)
    if failure and name:
        return f"on {name}, which cannot compute it ({failure}); set backend to auto or torch"
    if failure:
        return f"on torch in {quick_precision(device)}, as {runtime} cannot compute it ({failure})"
    return f"on {runtime}" + ("" if is_exported(runtime, folder, cache) else ", for which it is prepared at first use")


def _wants_torch(folder: Path, device: str | None) -> bool:
    """Whether torch is the fastest, or the only one: on a GPU, or for a hub id."""
    has_gpu = device not in (None, "cpu") or (device is None and ctypes.util.find_library("cuda") is not None)
    return has_gpu or not folder.is_dir()

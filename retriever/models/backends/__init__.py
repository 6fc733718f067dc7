"""What computes vectors: sentence-transformers on torch, or the same network exported to OpenVINO or ONNX Runtime.

The exported ones read a tokenizer and a graph, so that neither torch nor transformers is loaded to answer a question,
and use what the processor has: bf16 matrices (OpenVINO), 8-bit integers (ONNX Runtime). `python -m benchmarks.encoder`
tells how fast each is and what it loses.
"""

import ctypes.util
from pathlib import Path

from retriever.errors import IsthmusError
from retriever.models.backends.exported import ExportedBackend, prepare
from retriever.models.backends.protocol import Backend, BackendName, Encoded, Role
from retriever.models.backends.pytorch import TorchBackend, load_model

__all__ = ["Backend", "BackendName", "Encoded", "Role", "TorchBackend", "load_model", "open_backend"]


def open_backend(model: str, cache: Path, name: BackendName | None = None, device: str | None = None) -> Backend:
    """The back-end named, else the fastest: torch on a GPU or for a hub id, OpenVINO for a folder on the processor.

    Raises IsthmusError if the model cannot be loaded or exported.
    """
    folder = Path(model).expanduser()
    if name is None:
        gpu = device not in (None, "cpu") or (device is None and ctypes.util.find_library("cuda"))
        name = "torch" if gpu or not folder.is_dir() else "openvino"
    if name == "torch":
        return TorchBackend(model, device)
    if not folder.is_dir():
        raise IsthmusError(f"The back-end {name} wants a model folder and {model!r} is none; set backend to torch.")
    return ExportedBackend(name, prepare(name, folder, cache))

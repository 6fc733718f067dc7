"""Back-ends compute vectors: sentence-transformers on torch, or the same network exported to OpenVINO or ONNX Runtime.

An exported network needs only a tokenizer and a graph, so a question is answered without torch and transformers. It
uses the processor's fast arithmetic: bf16 matrices (OpenVINO) or 8-bit integers (ONNX Runtime).
`python -m benchmarks.encoder` measures the speed and the loss of each.
"""

import ctypes.util
from pathlib import Path

from retriever.errors import IsthmusError
from retriever.models.backends.exported import ExportedBackend, exported_folder
from retriever.models.backends.protocol import Backend, BackendName, Encoded, Role
from retriever.models.backends.pytorch import TorchBackend, load_model

__all__ = ["Backend", "BackendName", "Encoded", "Role", "TorchBackend", "load_model", "open_backend"]


def open_backend(model: str, cache: Path, name: BackendName | None = None, device: str | None = None) -> Backend:
    """The back-end of this name. Without one the fastest: torch on a GPU or for a hub id, else OpenVINO.

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
    return ExportedBackend(name, exported_folder(name, folder, cache))

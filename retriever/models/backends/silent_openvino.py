"""OpenVINO without its telemetry."""

import importlib
import sys
from types import ModuleType


def load_openvino() -> ModuleType:
    """The package `openvino`, to be imported in this way only: its own import reports itself to its makers.

    Where the package `openvino_telemetry` cannot be imported, OpenVINO uses a stub of its own that sends nothing.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # how Python marks what is not to be had
    return importlib.import_module("openvino")

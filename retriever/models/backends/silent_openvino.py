"""OpenVINO without its telemetry."""

import importlib
import sys
from types import ModuleType


def load_openvino() -> ModuleType:
    """Import the package `openvino`. Always import it this way: a plain import sends telemetry to its makers.

    If the package `openvino_telemetry` cannot be imported, OpenVINO uses its own stub, which sends nothing.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # None makes Python refuse the import
    return importlib.import_module("openvino")

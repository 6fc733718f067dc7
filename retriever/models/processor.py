"""What this machine's processor says of itself."""

import functools
import os
import platform
import sys
from pathlib import Path


@functools.cache
def _fields() -> dict[str, str]:
    """The lines of /proc/cpuinfo by name, those of the last core; none where there is no such file."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def processor_name() -> str:
    """The processor's name, or at least its kind."""
    return _fields().get("model name") or platform.processor() or platform.machine()


def processor_flags() -> frozenset[str]:
    """The instruction sets that it names, such as avx512_bf16."""
    return frozenset(_fields().get("flags", "").split())


def has_quick_bf16() -> bool:
    """Whether the processor computes faster in bf16 than in fp32: it has AVX-512 BF16, as all with AMX have."""
    return "avx512_bf16" in processor_flags()


def processor_count() -> int:
    """Processors that this process may use: a container, or who started it, may keep it from some."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1

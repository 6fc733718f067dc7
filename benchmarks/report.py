"""What the benchmarks share: where their data is, and the results they print and record."""

import argparse
import hashlib
import json
import math
import os
import platform
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from retriever.evaluation import format_cell, terminal_table
from retriever.models.encoder import Encoder
from retriever.models.processor import processor_flags, processor_name
from retriever.models.registry import ALIGNED_SHA256, E5_WEIGHTS

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "sentence-transformers", "transformers", "openvino", "chromadb", "xllamacpp", "gradio", "openai")
BF16_FLAGS = ("avx512_bf16", "amx_bf16")
"""What a processor that multiplies bf16 matrices says of itself."""
DIGITS = 4
HASH_LENGTH = 8
PACKAGED_SHA256 = {"aligned": ALIGNED_SHA256, "base": E5_WEIGHTS.sha256}


def peak_gib(who: int = resource.RUSAGE_SELF) -> float:
    """The peak memory of this process, or of its largest child (RUSAGE_CHILDREN), in GiB."""
    return resource.getrusage(who).ru_maxrss / 2**20


def data_folder(name: str) -> Path:
    """The folder of a public data set under ISTHMUS_DATA; if there is none, one sentence and the end."""
    data = os.environ.get("ISTHMUS_DATA")
    if not data:
        sys.exit(f"Set ISTHMUS_DATA to the folder of the public data sets, in which {name} is one.")
    folder = Path(data, name)
    if not folder.is_dir():
        sys.exit(f"{folder} is not a folder; set ISTHMUS_DATA to the folder that {name} is in.")
    return folder


def parse_no_arguments(description: str | None) -> None:
    """The command line of a benchmark without options: --help, and nothing else."""
    argparse.ArgumentParser(description=(description or "").partition("\n")[0]).parse_args()


def publish(
    name: str,
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    data: str | None = None,
    seeds: Sequence[int] = (),
    encoders: Iterable[Encoder] = (),
    details: Mapping[str, object] | None = None,
) -> None:
    """Print the table, and write it to results/NAME.json with the caption and all that it takes to make it again.

    `details` are further small figures. No text of a data set belongs into any of these.
    """
    Console(width=160).print(terminal_table(name, columns, rows))
    record = {
        "caption": caption,
        "command": command_line(sys.argv),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **git_state(),
        "encoders": {encoder.name: encoder_hash(encoder) for encoder in encoders},
        **machine(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
        "seeds": list(seeds),
        "data": data,
        **(details or {}),
        "columns": columns,
        "rows": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(to_json(record), encoding="utf-8")
    print(path)


def command_line(argv: Sequence[str]) -> str:
    """The command as a reader types it; of an absolute path only the last part.

    >>> command_line(["/home/me/isthmus/benchmarks/encoder.py", "--rounds", "3"])
    'python -m benchmarks.encoder --rounds 3'
    """
    arguments = [Path(argument).name if os.path.isabs(argument) else argument for argument in argv[1:]]
    return shlex.join(["python", "-m", f"benchmarks.{Path(argv[0]).stem}", *arguments])


def git_state() -> dict[str, object]:
    """The commit, and whether the working tree differs from it outside the results; None where git does not say."""
    try:
        commit = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain", "--", ".", ":!benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "tree_dirty": None}
    return {"commit": commit, "tree_dirty": bool(changes)}


def encoder_hash(encoder: Encoder) -> str | None:
    """Eight characters that tell the encoder's weights from others; None for one of a hub.

    A packaged encoder is told by its package's file, since the folder made of it may differ by machine in the last bit.
    """
    if digest := PACKAGED_SHA256.get(encoder.name):
        return digest[:HASH_LENGTH]
    files = sorted(Path(encoder.folder).rglob("*.safetensors"))
    if not files:
        return None
    sha256 = hashlib.sha256()
    for file in files:
        sha256.update(file.read_bytes())
    return sha256.hexdigest()[:HASH_LENGTH]


def machine() -> dict[str, object]:
    """Processor, whether it multiplies bf16 matrices, cores and memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": processor_name(),
        "bf16": [flag for flag in BF16_FLAGS if flag in processor_flags()],
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
    }


def to_json(record: Mapping[str, object]) -> str:
    """JSON with one key a line, and one row a line of what has rows; floats by `round_float`.

    >>> print(to_json({"seeds": [1], "rows": [["dense", 0.123456], ["bm25", float("nan")]]}), end="")
    {
     "seeds": [1],
     "rows": [
      ["dense", 0.1235],
      ["bm25", null]
     ]
    }
    """
    entries = [f" {_line(key)}: {_value(value)}" for key, value in record.items()]
    return "{\n" + ",\n".join(entries) + "\n}\n"


def round_float(value: float) -> float:
    """To DIGITS decimals; a last digit may be one off, so that tables print of it what they print of the value.

    Rounding .84848 to .8485 and that to three decimals would give .849.

    >>> round_float(0.84848), round_float(0.904545), round_float(0.123456)
    (0.8484, 0.9046, 0.1235)
    """
    rounded = round(value, DIGITS)
    printed = format_cell(value)
    if format_cell(rounded) == printed:
        return rounded
    return round(rounded + math.copysign(10**-DIGITS, float(printed) - rounded), DIGITS)


def _value(value: object) -> str:
    rounded = _rounded(value)
    if isinstance(rounded, list) and rounded and all(isinstance(row, list | dict) for row in rounded):
        return "[\n" + ",\n".join(f"  {_line(row)}" for row in rounded) + "\n ]"
    return _line(rounded)


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _rounded(value: Any) -> Any:
    """Floats rounded, those that are not finite as None, in lists and dictionaries of any depth."""
    if isinstance(value, float):
        return round_float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return run.stdout.strip()

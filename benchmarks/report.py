"""What every benchmark records beside its figures, and how it shows them."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
DATA = Path(os.environ.get("ISTHMUS_DATA", Path(__file__).parents[1].parent / "shared" / "data"))
PACKAGES = ("torch", "sentence-transformers", "transformers", "openvino", "chromadb", "xllamacpp", "gradio", "openai")


def circumstances() -> dict[str, object]:
    """Machine, versions and time."""
    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def publish(name: str, columns: Sequence[str], rows: Sequence[Sequence[object]], record: Mapping[str, object]) -> None:
    """Print the table and write `record`, the table and the circumstances to results/NAME.json."""
    table = Table(*columns, title=name)
    for row in rows:
        table.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(width=160).print(table)
    RESULTS.mkdir(exist_ok=True)
    whole = {**circumstances(), **record, "table": {"columns": columns, "rows": rows}}
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(path)

"""What the hostile suite shares: a program run with bounds that are enforced from outside it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MEASURE = """
import json, resource, subprocess, sys
status = subprocess.run([sys.executable, "-c", *sys.argv[2:]]).returncode
kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
open(sys.argv[1], "w").write(json.dumps([status, kilobytes]))
"""
"""A process between pytest and the program: a new process counts the memory of the one that started it as its own."""

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bounded(tmp_path: Path) -> Callable[..., str]:
    """Run a Python program; its output. It is killed after `seconds`, and must stay below `megabytes` of memory.

    The memory is that of the program or of a process that it started, whichever had more.
    """

    def run(program: str, *arguments: str, seconds: int, megabytes: int = 1000) -> str:
        measured = tmp_path / "measured.json"
        process = subprocess.Popen(
            [sys.executable, "-c", MEASURE, str(measured), program, *arguments],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise AssertionError(f"it took more than {seconds} s") from None
        status, kilobytes = json.loads(measured.read_text())
        assert status == 0, f"it ended with status {status}"
        assert kilobytes < megabytes * 1000, f"it needed {kilobytes / 1000:.0f} MB"
        return output.decode()

    return run

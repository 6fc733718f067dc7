"""Two processes train as one does: the same weights, the same verdict of the guard, one error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from retriever.models.backends import load_model
from tests.conftest import ROOT
from tests.retriever.alignment import every_method
from tests.retriever.alignment.every_method import GUARDED, TRAININGS, in_float32, train_all, write_encoder, write_squad

pytestmark = pytest.mark.slow
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
SCRIPT = str(Path(every_method.__file__))


def run_two(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Two processes of a command, to their end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run([*TORCHRUN, *command], env=environment, capture_output=True, text=True, timeout=600)


def sentences(output: str) -> list[str]:
    """What the processes themselves complain of."""
    return [line for line in output.splitlines() if line.startswith("isthmus: ")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with the tiny encoder."""
    folder = tmp_path_factory.mktemp("tiny")
    write_encoder(folder / "encoder")
    return folder


@pytest.fixture(scope="module")
def trained(tiny):
    """The folders of all trainings, by one process and by two, who were broken off in one of them before."""
    one, two = tiny / "one", tiny / "two"
    with in_float32():
        train_all(tiny, one)
    broken = run_two(SCRIPT, "--break", str(tiny), str(two))
    assert sentences(broken.stderr) == ["isthmus: The guard broke off."], broken.stderr
    assert broken.returncode != 0
    checkpoints = two / GUARDED / "checkpoints"
    assert [path.name for path in checkpoints.glob("checkpoint-*")] == ["checkpoint-2"]
    assert [path.name for path in checkpoints.glob("*/rng_state*")] == ["rng_state.pth"]
    whole = run_two(SCRIPT, str(tiny), str(two))
    assert whole.returncode == 0, whole.stderr
    return one, two


@pytest.mark.parametrize("name", [*TRAININGS, "clitssa"])
def test_two_processes_end_at_the_weights_of_one(trained, name):
    one, two = (torch.load(folder / f"{name}.pt") for folder in trained)
    start = load_model(str(trained[0].parent / "encoder"), "cpu").state_dict()
    assert one.keys() == two.keys()
    assert any(key not in start or not torch.equal(start[key], value) for key, value in one.items())
    for key, value in one.items():
        # Attention does not depend on the bias of its keys: the gradient is rounding alone, and Adam scales it up.
        if not key.endswith("attention.self.key.bias"):
            torch.testing.assert_close(two[key], value, atol=1e-5, rtol=0)


def test_the_guards_figures_are_those_of_one_process_though_training_was_broken_off(trained):
    one, two = (json.loads((folder / f"{GUARDED}.json").read_text(encoding="utf-8")) for folder in trained)
    assert len(one) == 5
    assert one == two


def test_if_a_helper_fails_it_alone_says_so(tiny):
    result = run_two(SCRIPT, "--fail", str(tiny), str(tiny))
    assert sentences(result.stderr) == ["isthmus: A helper failed."], result.stderr
    assert result.returncode != 0


def test_the_command_runs_once(tiny, command, tmp_path):
    write_squad(tmp_path / "squad")
    out = tmp_path / "out"
    arguments = ["align", "--data", str(tmp_path / "squad"), "--base", str(tiny / "encoder"), "--out", str(out)]
    arguments += ["--steps", "2", "--batch", "4", "--test-articles", "2", "--dev-articles", "2", "--json"]
    line = command(*arguments)
    result = run_two("--no-python", *line["args"], ISTHMUS_CACHE=str(tiny / "cache"), ISTHMUS_BACKEND="torch")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["method"] == "distill"
    assert json.loads((out / "report.json").read_text(encoding="utf-8")) == report
    refused = run_two("--no-python", *command(*arguments[:-1], "--method", "nothing")["args"])
    assert len(sentences(refused.stderr)) == 1
    assert refused.returncode != 0

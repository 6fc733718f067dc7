"""The examples in docs run as they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retriever.data.squad import read_squad
from retriever.evaluation import DenseSearch, Evaluation
from retriever.evaluation.tasks import squad_tasks
from retriever.models.encoder import Encoder

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


def test_mteb_takes_the_encoder_unchanged(cache, data):
    code = (
        "import runpy; task = runpy.run_path('docs/examples/mteb_task.py');"
        "task['QuestionsToEnglish'].metadata.eval_langs.clear();"
        "task['QuestionsToEnglish'].metadata.eval_langs.update(ro=['ron-Latn', 'eng-Latn']);"
        "print(task['main']())"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "ISTHMUS_CACHE": str(cache), "ISTHMUS_DATA": str(data)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env={**environment, "PYTHONPATH": "."}
    )
    assert done.returncode == 0, done.stderr
    theirs = float(done.stdout.split("R@1")[1].split()[0])
    tasks = [task for task in squad_tasks(read_squad(data / "xquad", ["en", "ro"]), ("L-en",)) if task.language == "ro"]
    ours = Evaluation([DenseSearch(Encoder(cache=cache), "dense")], tasks).mean("dense", "L-en", "ro")
    assert theirs == pytest.approx(ours, abs=0.02)  # torch there, OpenVINO here

"""The examples in docs run as they are: the Python blocks of the README and the guide, and the scripts."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rag.build import build_engine
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
    assert theirs == pytest.approx(ours, abs=0.02)  # there the aligned network encodes passages too


BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in (ROOT / "README.md", ROOT / "docs" / "guide.md")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL), 1)
]


@pytest.fixture
def shared_engine(embedded, monkeypatch):
    """Every example opens the embedded engine; here they share the one that is open."""

    class Kept:
        def __getattr__(self, name):
            return getattr(embedded, name)

        def close(self):
            pass

    monkeypatch.setattr(
        "rag.pipeline.build_engine",
        lambda settings: build_engine(settings) if settings.generator == "endpoint" else Kept(),
    )


def test_the_pages_have_examples():
    assert len(BLOCKS) >= 6


@pytest.mark.parametrize("code", BLOCKS)
def test_a_python_example_of_the_docs_runs(code, shared_engine, capsys):
    exec(compile(code, "example", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out.strip()

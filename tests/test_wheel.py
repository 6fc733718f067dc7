"""What is built is what is needed: the wheel carries prompts, strings and articles, and imports."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_wheel_holds_its_data_and_imports(tmp_path):
    root = Path(__file__).parents[1]
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
    ]
    subprocess.run([*command, str(root)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("isthmus-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    for wanted in (
        "prompts/answer/ro.toml",
        "ui/page/i18n/ar.json",
        "rag/documents/sample/articles/danube.md",
        "rag/documents/sample/questions.jsonl",
        "retriever/models/aligned/delta.safetensors",
        "retriever/temporal/templates/ro.toml",
    ):
        assert wanted in names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)
    code = (
        "import rag, prompts, rag.documents.sample as s; assert 'site' in rag.__file__; "
        "print(prompts.load_prompt('answer', 'ro').language_name, len(s.articles()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path / "site")
    assert done.stdout.split() == ["română", "62"], done.stderr

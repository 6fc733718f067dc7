"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("rag", "retriever", "prompts", "ui")
    for file in (ROOT / package).rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


def test_there_are_examples():
    assert len(MODULES) >= 10


@pytest.mark.parametrize("module", MODULES)
def test_examples_of(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted
    assert not result.failed

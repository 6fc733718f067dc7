import sys
from types import SimpleNamespace

import pytest

from ui.cli import main


@pytest.fixture
def run_command(monkeypatch, capsys):
    """The command in this process, which has its imports: what it prints on both streams."""

    def run(*arguments, code=0, **environment):
        with monkeypatch.context() as changed:
            changed.setattr(sys, "argv", ["isthmus", *map(str, arguments)])
            for name, value in environment.items():
                changed.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == code, printed.err
        return SimpleNamespace(out=printed.out, err=printed.err)

    return run


@pytest.fixture
def isthmus(run_command, monkeypatch, tmp_path, cache, encoder):
    """The command with the real encoder and a library of its own."""
    monkeypatch.setattr("rag.documents.library.build_encoder", lambda *_: encoder)
    monkeypatch.setenv("ISTHMUS_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("ISTHMUS_CACHE", str(cache))
    return run_command

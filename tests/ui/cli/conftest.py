import sys
from types import SimpleNamespace

import pytest

from ui.cli import main


@pytest.fixture
def isthmus(monkeypatch, capsys, tmp_path, cache, encoder):
    """The command in this process, which has its imports and its encoder: what it prints on both streams."""
    monkeypatch.setattr("rag.documents.library.build_encoder", lambda *_: encoder)
    monkeypatch.setenv("ISTHMUS_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("ISTHMUS_CACHE", str(cache))

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

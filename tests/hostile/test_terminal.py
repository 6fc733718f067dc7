"""What titles, file names, models and answers of strangers can do to a terminal: nothing."""

import json
import sys

import pytest
from rich.table import Table

from rag.types import Answer, Citation
from retriever.types import Document, Passage
from ui.cli import app, ask, doctor, documents, models
from ui.cli.terminal import err, out, plain, plain_cells, print_json

ESCAPES = {
    "colour": "\x1b[31m",
    "window title": "\x1b]0;mine\x07",
    "clipboard": "\x1b]52;c;cm0gLXJm\x1b\\",
    "8-bit": "\x9b31m",
    "clear": "\x1b[2J\x1b[H",
    "link": "\x1b]8;;http://stranger.example\x1b\\here\x1b]8;;\x1b\\",
    "backspaces": "\b\b\b",
    "start of the line": "\r",
    "delete": "\x7f",
    "NUL": "\0",
    "surrogate": "\udcff\ud800",
    "override": "\u202efdp.exe",
}
MARKUP = "[red]loud[/red] [link=http://stranger.example]here[/link] [/] :warning:"


def harmless(text: str) -> bool:
    """Whether nothing in a text commands a terminal."""
    text.encode()
    return not [c for c in text if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 or c in "\u202d\u202e"]


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
def test_every_way_to_print_is_plain(escape, capsys):
    table = Table(f"a{escape}b", title=f"a{escape}b")
    table.add_row(f"a{escape}b")
    table.add_row(*plain_cells(f"a{escape}b"))
    for console in (out, err):
        console.print(f"a{escape}b", markup=False)
        console.print(f"a{escape}b", style="red")
        console.print(table)
    print_json({f"a{escape}b": [f"a{escape}b"]})
    printed = capsys.readouterr()
    assert harmless(plain(escape))
    assert harmless(printed.out)
    assert harmless(printed.err)
    assert "a" in printed.out


@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
def test_json_keeps_the_values(escape, capsys):
    print_json([escape])
    assert json.loads(capsys.readouterr().out) == [escape]


def test_ordinary_text_stays():
    text = "Příliš žluťoučký\tkůň\n\u2067עברית\u2069 \u200fالعربية\u200c 日本語 👩\u200d🔬 [1] :warning:"
    assert plain(text) == text


@pytest.fixture
def hostile_document(monkeypatch):
    text = "".join(ESCAPES.values()) + " [b] [/]"
    document = Document(text, text, text, "sha", text, 1, added="2026-11-01T00:00:00")
    monkeypatch.setattr("retriever.store.opening.list_documents", lambda *_: [document])


def test_list(hostile_document, capsys):
    documents.list_()
    printed = capsys.readouterr().out
    assert harmless(printed)
    assert "[b]" in printed
    documents.list_(as_json=True)
    assert harmless(capsys.readouterr().out)


def test_answers_and_citations(capsys):
    text = "".join(ESCAPES.values()) + MARKUP
    passage = Passage("1", "2", text, text, None, 0, len(text), "en")
    answer = Answer(text, "en", (Citation(1, passage, 0, len(text), 1.0),), generator=text, doubts=(text,))
    shown = ask._show_stream(iter([answer]))
    ask._print_answer(shown)
    printed = capsys.readouterr().out
    assert harmless(printed)
    assert MARKUP in printed


def test_errors(monkeypatch, capsys):
    text = "".join(ESCAPES.values()) + MARKUP
    monkeypatch.setattr(sys, "argv", ["isthmus", "remove", text])
    with pytest.raises(SystemExit) as raised:
        app.main()
    printed = capsys.readouterr().err
    assert raised.value.code == 2
    assert harmless(printed)
    assert MARKUP in printed


def test_the_doctor_shows_no_password_and_no_markup(monkeypatch, capsys):
    monkeypatch.setenv("ISTHMUS_ENDPOINT", "http://me:s3cret@127.0.0.1:9/v1?key=s3cret")
    monkeypatch.setattr(doctor, "_packages", lambda: [doctor.Finding("a[red]b", "\x1b[31m", MARKUP)])
    models.doctor()
    models.doctor(as_json=True)
    printed = capsys.readouterr().out
    assert harmless(printed)
    assert "http://127.0.0.1:9/v1" in printed
    assert "s3cret" not in printed
    assert "a[red]b" in printed

"""Generated pages are what would be generated now."""

import runpy

import pytest

from benchmarks import figures, report

GENERATE = runpy.run_path(str(report.ROOT / "docs" / "generate.py"))


@pytest.mark.parametrize(("path", "text"), GENERATE["pages"]().items(), ids=lambda value: getattr(value, "name", ""))
def test_settings_and_commands_are_up_to_date(path, text):
    assert path.read_text(encoding="utf-8") == text, "run `python docs/generate.py`"


def test_every_setting_and_command_is_described():
    pages = {path.name: text for path, text in GENERATE["pages"]().items()}
    assert "|  |" not in pages["settings.md"]
    assert "| `top_k` | whole number from 1 to 50 | `6` |" in pages["settings.md"]
    assert "| `cache` | path | the user's cache folder |" in pages["settings.md"]
    assert "## `isthmus ask`\n" in pages["commands.md"]
    assert "## `isthmus eval temporal`\n" in pages["commands.md"]


def test_figures_are_up_to_date():
    assert figures.outdated(figures.pages()) == [], "run `python -m benchmarks.figures`"


def test_a_result_of_an_earlier_way_of_measuring_says_so(monkeypatch):
    result = figures.read_result("alignment-kb")
    for time, is_noted in (("2026-11-29T10:00:00+00:00", True), ("2026-11-30T10:00:00+00:00", False)):
        monkeypatch.setattr(figures, "read_result", lambda _, time=time: result | {"time": time})
        assert ("Measured before 2026-11-30, with weighted" in figures.section("alignment-kb")) is is_noted
        assert "Measured before" not in figures.section("alignment-late")


def test_every_result_has_its_place():
    assert "Other" not in dict(figures.headings())
    assert {name for names in figures.ORDER.values() for name in names} == {
        path.stem for path in report.RESULTS.glob("*.json")
    }


def test_the_readme_table_has_three_rows():
    table, _, source = figures.readme_table().partition("\n\n")
    columns, _, *rows = table.splitlines()
    assert columns.endswith("| ordinary LangChain recipe | Isthmus |")
    assert len(rows) == 3
    assert source.startswith("(`python -m benchmarks.retrieval`, ")


def test_a_readme_without_marks_is_an_error():
    with pytest.raises(ValueError, match="lacks the marks"):
        figures.with_table("# Isthmus\n")


def test_an_outdated_page_fails_the_check(monkeypatch, tmp_path):
    page = tmp_path / "figures.md"
    page.write_text("# Figures\n")
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    monkeypatch.setattr(figures, "pages", lambda: {page: "# New figures\n"})
    monkeypatch.setattr("sys.argv", ["figures", "--check"])
    with pytest.raises(SystemExit, match=r"Out of date: figures\.md\."):
        figures.main()
    assert page.read_text() == "# Figures\n"
    monkeypatch.setattr("sys.argv", ["figures"])
    figures.main()
    assert page.read_text() == "# New figures\n"

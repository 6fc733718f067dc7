"""Cells and tables for the terminal, HTML and Markdown."""

import doctest
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from retriever.evaluation import tables
from retriever.evaluation.tables import format_cell, format_row, holm, html_table, markdown_table, terminal_table


def test_the_examples_in_the_docstrings_are_right():
    assert doctest.testmod(tables).failed == 0


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (0.0, "p", "< .001"),
        (0.0009999, "p against random (MRR)", "< .001"),
        (0.0, "p ", "< .001"),
        (0.001, "p", "0.001"),
        (1.0, "p", "1.000"),
        (0.0, "precision", "0.000"),
        (0.0, "passages/s", "0.000"),
        (-1.5, "difference", "-1.50"),
        (1000, "n", "1000"),
        ("+0.029", "difference", "+0.029"),
        (None, "p", ""),
    ],
)
def test_cells(value, column, text):
    assert format_cell(value, column) == text


def test_a_row_of_another_length_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        format_row(["system", "p"], ["bm25"])


def test_nothing_in_a_cell_breaks_its_table():
    assert markdown_table(["a"], [["x|y"]]).endswith("| x\\|y |")
    assert "<td>&lt;b&gt;</td>" in html_table(["a"], [["<b>"]])
    out = io.StringIO()
    Console(file=out, width=60).print(terminal_table("[title]", ["[a]"], [["[bold]x[/bold]"]]))
    assert "[title]" in out.getvalue()
    assert "[bold]x[/bold]" in out.getvalue()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_lowers_a_probability_and_keeps_their_order(probabilities):
    corrected = holm(probabilities)
    assert all(p <= c <= 1 for p, c in zip(probabilities, corrected, strict=True))
    assert [c for _, c in sorted(zip(probabilities, corrected, strict=True))] == sorted(corrected)
    assert min(corrected) == min(1, len(probabilities) * min(probabilities))


def test_the_probabilities_of_a_table_are_corrected_together():
    rows = [["a", "", 0.01, 0.5], ["b", 0.3, 0.04, None], ["c", 0.2, 0.03, 0.5]]
    table = markdown_table(["system", "mean", "p", "p in English"], rows).splitlines()
    assert table[0] == "| system | mean | p (Holm) | p in English (Holm) |"
    assert table[2:] == ["| a |  | 0.050 | 1.000 |", "| b | 0.300 | 0.120 |  |", "| c | 0.200 | 0.120 | 1.000 |"]
    assert rows[0][2] == 0.01

"""Tables of figures for the terminal, HTML and Markdown: one format of cells for all of them.

The probabilities of a table are shown with Holm's correction over all of them, and its header says so.
"""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

Rows = Sequence[Sequence[object]]
LEAST_P = 0.001
"""Probabilities below it are not written out."""


def format_cell(value: object, column: str = "") -> str:
    """A table's cell as text: floats with three decimals, two above 1; None is an empty cell.

    A column of probabilities is called "p", or "p" and what is tested; below .001 they read "< .001".

    >>> format_cell(0.90476), format_cell(14.958), format_cell(120), format_cell(None)
    ('0.905', '14.96', '120', '')
    >>> format_cell(0.0002, "p in English"), format_cell(0.0002, "precision")
    ('< .001', '0.000')
    """
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    if _is_probability(column) and value < LEAST_P:
        return "< .001"
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.2f}"


def format_row(columns: Sequence[str], row: Sequence[object]) -> list[str]:
    """The cells of a row as text. Raises ValueError if the row has more or fewer cells than there are columns."""
    return [format_cell(value, column) for column, value in zip(columns, row, strict=True)]


def holm(probabilities: Sequence[float]) -> list[float]:
    """Holm's correction: the n probabilities from the least on times n, n - 1, …; at most 1, and never falling.

    >>> holm([0.25, 0.0625, 0.03125])
    [0.25, 0.125, 0.09375]
    """
    corrected, floor = list(probabilities), 0.0
    for rank, place in enumerate(sorted(range(len(corrected)), key=corrected.__getitem__)):
        corrected[place] = floor = min(1.0, max(floor, (len(corrected) - rank) * corrected[place]))
    return corrected


def _with_holm(columns: Sequence[str], rows: Rows) -> tuple[list[str], list[list[object]]]:
    """The table with its probabilities corrected over the table, in columns called so."""
    places = [
        (row, column)
        for row, cells in enumerate(rows)
        for column, value in enumerate(cells)
        if isinstance(value, float) and column < len(columns) and _is_probability(columns[column])
    ]
    corrected: list[list[object]] = [list(cells) for cells in rows]
    values = [float(str(rows[row][column])) for row, column in places]
    for (row, column), value in zip(places, holm(values), strict=True):
        corrected[row][column] = value
    return [f"{name.rstrip()} (Holm)" if _is_probability(name) else name for name in columns], corrected


def terminal_table(title: str, columns: Sequence[str], rows: Rows) -> "Table":
    """A table for rich's consoles; markup in cells is shown as it is."""
    from rich.markup import escape as escape_markup
    from rich.table import Table

    columns, rows = _with_holm(columns, rows)
    table = Table(*map(escape_markup, columns), title=escape_markup(title))
    for row in rows:
        table.add_row(*map(escape_markup, format_row(columns, row)))
    return table


def html_table(columns: Sequence[str], rows: Rows) -> str:
    """A table element; everything in it is escaped.

    >>> html_table(["a<b"], [[0.5]])
    '<table><tr><th>a&lt;b</th></tr><tr><td>0.500</td></tr></table>'
    """
    columns, rows = _with_holm(columns, rows)
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in format_row(columns, row)) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def markdown_table(columns: Sequence[str], rows: Rows) -> str:
    """A table of Markdown, without a newline at its end.

    >>> print(markdown_table(["system", "p"], [["bm25", 0.0002]]))
    | system | p (Holm) |
    | --- | --- |
    | bm25 | < .001 |
    """
    columns, rows = _with_holm(columns, rows)
    lines = [list(columns), ["---"] * len(columns), *(format_row(columns, row) for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _is_probability(column: str) -> bool:
    return column == "p" or column.startswith("p ")

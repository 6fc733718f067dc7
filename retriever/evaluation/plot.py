"""The bar chart that the reports on retrieval and on answers share."""

from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np


def grouped_bars(
    title: str,
    measure: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    bounds: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> bytes:
    """A PNG of grouped bars: in each group one bar a series, with error bars if `bounds` has (low, high) for each."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(6, 0.35 * len(groups) * (len(series) + 1)), 3.6), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(series)
    for n, (name, values) in enumerate(series.items()):
        positions = np.arange(len(groups)) + (n - (len(series) - 1) / 2) * width
        errors = None
        if bounds:
            errors = np.abs(
                np.array([(v - low, high - v) for v, (low, high) in zip(values, bounds[name], strict=True)]).T
            )
        axes.bar(positions, values, width * 0.92, yerr=errors, label=name, error_kw={"elinewidth": 0.7})
    axes.set_xticks(np.arange(len(groups)), groups)
    axes.set_ylabel(measure)
    axes.set_title(title)
    axes.legend(loc="lower left" if bounds else "best", fontsize="small")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()

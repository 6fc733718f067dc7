"""How large a generator is: a small one reads passages one by one, and its answers are checked."""

import re

SMALL_PARAMETERS = 4e9
"""A model of fewer parameters is small."""


def is_small(parameters: float | None) -> bool:
    """Whether a model is small; one of unknown size is not."""
    return parameters is not None and parameters < SMALL_PARAMETERS


def parameters_in_name(model: str) -> float | None:
    """The parameters that the name of a model gives; None if it gives none.

    >>> parameters_in_name("Qwen2.5-1.5B-Instruct"), parameters_in_name("gpt-oss")
    (1500000000.0, None)
    """
    sizes = re.findall(r"(?<![\d.])(\d+(?:\.\d+)?)([bm])(?![a-z])", model.lower())
    return min((float(size) * (1e6 if unit == "m" else 1e9) for size, unit in sizes), default=None)

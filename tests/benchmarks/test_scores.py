"""Examples of the benchmarks, worked out on paper."""

import doctest

from benchmarks import typed


def test_the_examples_in_the_docstrings_are_right():
    assert doctest.testmod(typed).failed == 0
